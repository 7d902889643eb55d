/** The networks of the second study's grid, as its code builds them. */
import { loadBackbone, createBackbone, type WeightsSource } from '../../models/backbone';
import { disposeParameters, exportParameters, type ParameterTable } from '../../models/parameters';
import type { WeightsOptions } from '../../models/hub';
import { swinConfigs, swinForward } from '../../models/swin';
import type { Tensor2D } from '../../tf';
import type { Classifier } from '../../training/classifier';
import { gridNetworks } from '../medmnist2d';
import type { GridConfiguration } from './grid';
import { tourArchitectures } from '../tour-networks';

export type GridClassifier = Pick<Classifier, 'name' | 'table' | 'forward' | 'initial'>;

/** Where published weights are looked for, and how missing ones are downloaded. */
export type GridWeights = WeightsOptions;

/**
 * The network of a configuration with a head of its outputs, and the values that it starts from.
 * @throws UserError where pretrained weights cannot be had
 */
export async function createGridClassifier(
  { network, weights, inputSize, head, stochasticDepth }: GridConfiguration,
  options: GridWeights = {},
): Promise<{ readonly classifier: GridClassifier; readonly source: WeightsSource }> {
  const { title, architecture } = gridNetworks[network];
  if (architecture === 'resnet_tour' || architecture === 'swin_tour') {
    const { table, forward } = tourArchitectures[architecture];
    return {
      classifier: { name: title, table: withQuietBranches(table(head.outputs)), forward },
      source: { kind: 'random' },
    };
  }
  const { table, forward } = createBackbone(architecture, { size: inputSize, classes: head.outputs });
  const classifier: GridClassifier = {
    name: title,
    table: withQuietBranches(table),
    forward(images, scope, random) {
      if (architecture === 'resnet50' || random === undefined || stochasticDepth === 0)
        return forward(images, scope).logits as Tensor2D;
      const dropped = { rate: stochasticDepth, random };
      return swinForward(images, scope, swinConfigs[architecture], dropped).logits as Tensor2D;
    },
  };
  if (weights === 'random') return { classifier, source: { kind: 'random' } };
  const { parameters, source } = await loadBackbone({ ...options, name: weights, weights: 'hub', size: inputSize });
  try {
    return { classifier: { ...classifier, initial: exportParameters(parameters) }, source };
  } finally {
    disposeParameters(parameters);
  }
}

/** timm's `zero_init_last`: from random weights, each residual branch of a ResNet begins as 0. */
function withQuietBranches(table: ParameterTable): ParameterTable {
  const isLast = (name: string): boolean => {
    const block = /^(layer\d\.\d+)\.bn([23])\.weight$/.exec(name);
    return block !== null && (block[2] === '3' || !(`${block[1]}.bn3.weight` in table));
  };
  return Object.fromEntries(
    Object.entries(table).map(([name, spec]) => [name, isLast(name) ? { ...spec, initial: 0 } : spec]),
  );
}
