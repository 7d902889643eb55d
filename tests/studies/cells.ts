/** A small dataset in memory whose classes can be told apart, for tests of the studies. */
import { splitNames, type Dataset, type Split, type SplitName } from '../../lib/data/dataset';
import { createRandom } from '../../lib/random';

/** Images whose brightness depends on their class. */
export function cells(size = 28, counts: Record<SplitName, number> = { train: 72, val: 24, test: 24 }): Dataset {
  const splitOf = (name: SplitName): Split => {
    const random = createRandom(5, name);
    const labels = Int32Array.from({ length: counts[name] }, (_, index) => index % 3);
    const bytes = size * size * 3;
    const pixels = new Uint8Array(counts[name] * bytes);
    labels.forEach((label, index) => {
      for (let at = 0; at < bytes; at++) pixels[index * bytes + at] = 40 + 60 * label + random.integer(50);
    });
    return {
      name,
      count: counts[name],
      labels,
      labelWidth: 1,
      readImages: (indices, target) => {
        for (let at = 0; at < indices.length; at++)
          target.set(pixels.subarray(indices[at] * bytes, (indices[at] + 1) * bytes), at * bytes);
      },
    };
  };
  return {
    name: 'cells.npz',
    title: `Cells ${size}×${size}`,
    height: size,
    width: size,
    channels: 3,
    task: 'multi-class',
    classNames: ['dark', 'grey (in between)', 'light'],
    splits: Object.fromEntries(splitNames.map((name) => [name, splitOf(name)])) as unknown as Dataset['splits'],
    sha256: `cells ${size} ${JSON.stringify(counts)}`,
    synthetic: true,
    license: 'CC0',
    citation: 'none',
    close: () => undefined,
  };
}
