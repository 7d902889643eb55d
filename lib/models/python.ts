/** How Python's libraries open a saved model: which network of theirs has the same tensors. */
import type { PlaneSize } from '../tensor/resample';
import type { NetworkSpec } from './network-spec';
import { ownArchitectures } from './pretrained-records';
import { convnextConfigs } from './convnext';
import { resnetConfigs } from './resnet';
import { swinConfigs } from './swin';
import { vitConfigs } from './vit';

export interface PythonNetwork {
  /** Of `timm.create_model`. */
  readonly name: string;
  readonly options: Readonly<Record<string, number | number[]>>;
}

const published: Readonly<Partial<Record<NetworkSpec['family'], Readonly<Record<string, object>>>>> = {
  resnet: resnetConfigs,
  vit: vitConfigs,
  swin: swinConfigs,
  convnext: convnextConfigs,
};

/** Undefined where no published network has these layers. */
export function pythonNetwork(spec: NetworkSpec, { height, width }: PlaneSize): PythonNetwork | undefined {
  const config = published[spec.family]?.[spec.architecture];
  if (config === undefined || Object.hasOwn(ownArchitectures, spec.architecture)) return undefined;
  if (layersOf(spec) !== layersOf(config)) return undefined;
  const hasPositions = spec.family === 'swin' || (spec.family === 'vit' && spec.grid !== undefined);
  return {
    name: spec.architecture,
    options: { num_classes: spec.classes, ...(hasPositions ? { img_size: sideOf({ height, width }) } : {}) },
  };
}

/** Of a network with a decoder of this project's own: the transformer under it, cut after the last block that is needed. */
export function pythonEncoder(spec: NetworkSpec, size: PlaneSize): PythonNetwork | undefined {
  if (spec.family !== 'encoder-decoder') return undefined;
  const { depth, grid } = spec.encoder;
  const shape = layersOf(spec.encoder);
  const found = Object.entries(vitConfigs).find(
    ([name, config]) => !Object.hasOwn(ownArchitectures, name) && layersOf({ ...config, depth }) === shape,
  );
  return found && { name: found[0], options: { num_classes: 0, depth, ...(grid && { img_size: sideOf(size) }) } };
}

const sideOf = ({ height, width }: PlaneSize) => (height === width ? height : [height, width]);

/** Positions are learned for the images' size, which is an option there. */
function layersOf(value: object): string {
  const ignored = { family: undefined, architecture: undefined, classes: undefined, grid: undefined };
  return JSON.stringify(
    Object.entries({ ...value, ...ignored })
      .filter(([, part]) => part !== undefined)
      .sort(),
  );
}

/** The lines that open a model's folder in Python; of an encoder, those of its tensors. */
export function pythonLines({ name, options }: PythonNetwork, part: 'all' | 'encoder' = 'all'): string[] {
  const given = Object.entries(options).map(([option, value]) => `${option}=${JSON.stringify(value)}`);
  const chosen = part === 'all' ? 'tensors' : '{name: tensors[name] for name in model.state_dict()}';
  return [
    'import timm, safetensors.torch',
    `model = timm.create_model("${name}", ${given.join(', ')})`,
    'tensors = safetensors.torch.load_file("model.safetensors")',
    `model.load_state_dict(${chosen}, strict=True)`,
    'model.eval()  # takes N×3×H×W, normalised by the mean and std of model.json',
  ];
}
