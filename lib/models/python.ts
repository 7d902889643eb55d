/** How Python's libraries open a saved model: which network of theirs has the same tensors. */
import type { NetworkSpec } from './network-spec';
import { resnetConfigs } from './resnet';
import { swinConfigs } from './swin';
import { vitConfigs } from './vit';

export interface PythonNetwork {
  readonly library: 'timm';
  /** Of `timm.create_model`. */
  readonly name: string;
  readonly options: Readonly<Record<string, number | readonly number[]>>;
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
  if (config === undefined) return undefined;
  const own = spec as unknown as Record<string, unknown>;
  // Positions are learned for the images' size, which is an option there.
  const same = Object.entries(config).every(([key, value]) => key === 'grid' || JSON.stringify(own[key]) === JSON.stringify(value)); // prettier-ignore
  if (!same || (own.width !== undefined && !('width' in config))) return undefined;
  const size = height === width ? height : [height, width];
  const hasPositions = spec.family === 'swin' || (spec.family === 'vit' && spec.grid !== undefined);
  return { library: 'timm', name: spec.architecture, options: { num_classes: spec.classes, ...(hasPositions ? { img_size: size } : {}) } }; // prettier-ignore
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
