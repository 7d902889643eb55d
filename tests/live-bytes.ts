import { tf } from '../lib/tf';

export interface LiveBytes {
  /** More than at the beginning, when `run` was over and at the most. */
  readonly after: number;
  readonly most: number;
}

interface Entry {
  readonly shape: readonly number[];
}

const { tensorMap } = tf.backend() as unknown as {
  readonly tensorMap: {
    get(id: object): Entry;
    set(id: object, entry: Entry): void;
    has(id: object): boolean;
    delete(id: object): boolean;
  };
};

/** Bytes of tensors while `run` does its work, at four a value; tensors that share their memory count once, unlike in `tf.memory()`. */
export function liveBytes(run: () => void): LiveBytes {
  const { set, delete: remove } = tensorMap;
  let [live, most] = [0, 0];
  const count = (id: object): number => {
    if (!tensorMap.has(id)) return 0;
    return 4 * tensorMap.get(id).shape.reduce((product, size) => product * size, 1);
  };
  tensorMap.set = (id, entry) => {
    live -= count(id);
    set.call(tensorMap, id, entry);
    live += count(id);
    most = Math.max(most, live);
  };
  tensorMap.delete = (id) => {
    live -= count(id);
    return remove.call(tensorMap, id);
  };
  try {
    run();
    return { after: live, most };
  } finally {
    Object.assign(tensorMap, { set, delete: remove });
  }
}
