/** How Python's libraries open a saved model: which network of theirs has the same tensors. */
import type { NetworkSpec } from './network-spec';
import { ownArchitectures } from './pretrained-records';
import { resnetConfigs } from './resnet';
import { swinConfigs } from './swin';
import { vitConfigs } from './vit';

export interface PythonNetwork {
  /** Of `timm.create_model`. */
  readonly name: string;
  readonly options: Readonly<Record<string, number | number[]>>;
}

const published: Readonly<Record<NetworkSpec['family'], Readonly<Record<string, object>>>> = {
  resnet: resnetConfigs,
  vit: vitConfigs,
  swin: swinConfigs,
  unet: {},
};

/** Undefined where no published network has these layers. */
export function pythonNetwork(
  spec: NetworkSpec,
  { height, width }: { readonly height: number; readonly width: number },
): PythonNetwork | undefined {
  const config = published[spec.family][spec.architecture];
  if (config === undefined || Object.hasOwn(ownArchitectures, spec.architecture)) return undefined;
  // Positions are learned for the images' size, which is an option there.
  const ignored = { family: undefined, architecture: undefined, classes: undefined, grid: undefined };
  const layers = (value: object) =>
    JSON.stringify(
      Object.entries({ ...value, ...ignored })
        .filter(([, part]) => part !== undefined)
        .sort(),
    );
  if (layers(spec) !== layers(config)) return undefined;
  const size = height === width ? height : [height, width];
  const hasPositions = spec.family === 'swin' || (spec.family === 'vit' && spec.grid !== undefined);
  return {
    name: spec.architecture,
    options: { num_classes: spec.classes, ...(hasPositions ? { img_size: size } : {}) },
  };
}

/** The lines that open a model's folder in Python. */
export function pythonLines({ name, options }: PythonNetwork, weights = 'model.safetensors'): string[] {
  const given = Object.entries(options).map(([option, value]) => `${option}=${JSON.stringify(value)}`);
  return [
    'import timm, safetensors.torch',
    `model = timm.create_model("${name}", ${given.join(', ')})`,
    `model.load_state_dict(safetensors.torch.load_file("${weights}"), strict=True)`,
    'model.eval()  # takes N×3×H×W, normalised by the mean and std of model.json',
  ];
}
