/** Saved models that timm opens, with weights of noise. As a program: writes their folders, for make_timm_models.py. */
import { join } from 'node:path';
import { loadModel, writeModel, type NewModel, type SavedModel } from '../../lib/runs/saved-model';
import { buildNetwork, type NetworkSpec } from '../../lib/models/network-spec';
import { sizeOf } from '../../lib/models/parameters';
import { convnextConfigs } from '../../lib/models/convnext';
import { resnetConfigs } from '../../lib/models/resnet';
import { swinConfigs } from '../../lib/models/swin';
import { vitConfigs } from '../../lib/models/vit';
import { noise } from '../noise';

const classes = 5;
const resnet = (architecture: 'resnet18' | 'resnet50'): NetworkSpec => {
  const { depths, block } = resnetConfigs[architecture];
  return { family: 'resnet', architecture, classes, depths: [...depths], block };
};
const convnext = convnextConfigs.convnext_tiny;
const swin = swinConfigs.swin_base_patch4_window7_224;

/** By the size of their images. */
const cases: Readonly<Record<string, { readonly spec: NetworkSpec; readonly size: number }>> = {
  resnet18: { spec: resnet('resnet18'), size: 64 },
  resnet50: { spec: resnet('resnet50'), size: 64 },
  vit_tiny_patch16_224: {
    spec: {
      family: 'vit',
      architecture: 'vit_tiny_patch16_224',
      classes,
      ...vitConfigs.vit_tiny_patch16_224,
      grid: [3, 3],
    },
    size: 48,
  },
  vit_small_patch14_dinov2: {
    spec: {
      family: 'vit',
      architecture: 'vit_small_patch14_dinov2',
      classes,
      ...vitConfigs.vit_small_patch14_dinov2,
      grid: [2, 2],
      layerScale: ['ls1.gamma', 'ls2.gamma'],
    },
    size: 28,
  },
  vit_small_patch16_dinov3: {
    spec: {
      family: 'vit',
      architecture: 'vit_small_patch16_dinov3',
      classes,
      ...vitConfigs.vit_small_patch16_dinov3,
      layerScale: ['gamma_1', 'gamma_2'],
    },
    size: 48,
  },
  swin_base_patch4_window7_224: {
    spec: {
      family: 'swin',
      architecture: 'swin_base_patch4_window7_224',
      classes,
      ...swin,
      depths: [...swin.depths],
      heads: [...swin.heads],
    },
    size: 224,
  },
  convnext_tiny: {
    spec: {
      family: 'convnext',
      architecture: 'convnext_tiny',
      classes,
      ...convnext,
      widths: [...convnext.widths],
      depths: [...convnext.depths],
    },
    size: 64,
  },
};

/** Those of which a test writes files: not the largest. */
export const timmCases = Object.keys(cases).filter((name) => !/swin|resnet50|convnext/.test(name));

/** Writes the folder of a case. */
export async function writeCase(name: string, directory: string): Promise<SavedModel> {
  const { spec, size } = cases[name];
  const { table } = buildNetwork(spec);
  const values = Object.entries(table).map(([parameter, { shape, kind }], index) => {
    const period = noise(index, 9973 + (index % 10));
    const inputs = shape.length > 1 ? sizeOf(shape.slice(1)) : 0;
    const scale = kind === 'statistic' || inputs === 0 ? 0.2 : Math.sqrt(3 / inputs);
    const offset = parameter.endsWith('running_var') || (inputs === 0 && parameter.endsWith('weight')) ? 1 : 0;
    return [
      parameter,
      Float32Array.from({ length: sizeOf(shape) }, (_, at) => offset + scale * period[at % period.length]),
    ] as const;
  });
  const model: NewModel = {
    name,
    task: 'multi-class',
    classNames: ['a', 'b', 'c', 'd', 'e'],
    network: spec,
    input: { height: size, width: size, fit: 'cover', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    flips: [],
    precision: 'float32',
    recipe: {},
    training: { id: 'none', epoch: 1, which: 'best', seconds: 0 },
    data: { name: 'noise', sha256: '0'.repeat(64), splits: {}, synthetic: true, license: 'none' },
    weights: { origin: { source: 'random' } },
    versions: {},
  };
  await writeModel(directory, model, new Map(values));
  return loadModel(directory);
}

if (require.main === module) {
  void (async () => {
    for (const name of Object.keys(cases)) await writeCase(name, join(process.argv[2], name));
  })();
}
