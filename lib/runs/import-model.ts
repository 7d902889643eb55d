/** A network that was trained elsewhere, head included: tested on a dataset without any training, and as a model of this project. */
import { basename, dirname } from 'node:path';
import type { Dataset } from '../data/dataset';
import { UserError } from '../errors';
import { createBackbone, loadBackbone } from '../models/backbone';
import { libraryNetwork } from '../models/networks';
import { backboneSpec } from '../models/open-backbone';
import { disposeParameters, exportParameters } from '../models/parameters';
import { translateNames } from '../models/weight-names';
import { locateWeights, openWeights, weightsNames } from '../models/weights-source';
import type { PlaneSize } from '../tensor/resample';
import { resizedInput } from '../training/input-transforms';
import { scoreSplit, testResult } from '../training/scored-split';
import { filesOf, measureClassifier, versions } from './save-model';
import { describeWeights, loadModel, writeModel, type ModelFormat, type SavedModel } from './saved-model';
import type { ModelWithWeights } from './train';

export interface ImportOptions {
  /** Of the registry, whose images' normalisation and resizing it was trained with, such as `resnet18.tv_in1k`, or an architecture. */
  readonly model: string;
  /** What it is to tell apart: its classes are the head's, in their order. */
  readonly data: Dataset;
  /** Pixels of the network, where they are not its own. */
  readonly size?: number | PlaneSize;
  /** `onnx` adds model.onnx. */
  readonly format?: ModelFormat;
  readonly signal?: AbortSignal;
}

/** A network of the registry with the weights and the head of a file. */
async function openWhole(weights: string, { model: name, size, signal }: Omit<ImportOptions, 'data' | 'format'>) {
  const { backbone, parameters, source } = await loadBackbone({ name, weights, size, keepHead: true, signal });
  const { headName, table, record, inputSize } = backbone;
  const spec = backboneSpec(backbone, table[`${headName}.weight`].shape[0]);
  const { mean, std, interpolation, cropFraction } = record;
  const origin = { source: basename(weights), sha256: source.sha256 };
  const transform = resizedInput(record, inputSize);
  const network = libraryNetwork(spec, { name, normalization: { mean, std }, transform, weights: origin });
  return { network, spec, parameters, origin, input: { ...inputSize, interpolation, cropFraction } };
}

export type GivenOptions = Pick<ImportOptions, 'model' | 'size' | 'signal'> & { readonly weights: string };

/**
 * The classifier of a file of weights that has its head, or of a kept model's folder, as it is. Undefined for other weights, and for a head
 * of another number of classes than the data have.
 * @throws UserError where the file does not fit the network
 */
export async function givenClassifier(
  { weights, ...options }: GivenOptions,
  { classNames }: Pick<Dataset, 'classNames'>,
): Promise<ModelWithWeights | undefined> {
  if (weightsNames.includes(weights)) return undefined;
  const isFitting = (classes: number | undefined): boolean => classes === classNames.length;
  const kept = describeWeights(weights);
  if (kept !== undefined) {
    const model = isFitting(kept.network.classes) ? loadModel(dirname(locateWeights(weights))) : undefined;
    return model && kept.classNames.join('\n') === classNames.join('\n') ? asItCame(model) : undefined;
  }
  if (!isFitting(headClasses(weights, options))) return undefined;
  const { network, parameters } = await openWhole(weights, options);
  const values = exportParameters(parameters);
  disposeParameters(parameters);
  return asItCame({ network, read: () => values });
}

/** Named after what was given: a name of the registry would say that it has the weights that are published under it. */
function asItCame(model: ModelWithWeights): ModelWithWeights {
  const { network } = model;
  return { ...model, network: { ...network, name: `${network.weights.source}, as it came` } };
}

/** Outputs of the head that a file has; undefined where it has none. */
function headClasses(weights: string, { model, size }: Pick<ImportOptions, 'model' | 'size'>): number | undefined {
  const { record, headName } = createBackbone(model, { size });
  const path = locateWeights(weights);
  const file = openWeights(path);
  try {
    return translateNames(file.tensors, record.family, path).get(`${headName}.weight`)?.shape[0];
  } finally {
    file.close();
  }
}

/**
 * Takes a state dict of timm, torchvision or transformers with its head, tests it on the data and writes it as a model's folder.
 * @param weights a .safetensors file, the index of a sharded one, or the folder of either
 * @throws UserError where it does not fit the network, has no head, or one for another number of classes
 */
export async function importModel(
  weights: string,
  directory: string,
  { model: name, data, size, format = 'safetensors', signal }: ImportOptions,
): Promise<SavedModel> {
  const { network, spec, parameters, origin, input } = await openWhole(weights, { model: name, size, signal });
  const { mean, std } = network.normalization;
  try {
    const { length } = data.classNames;
    if (spec.classes !== length)
      throw new UserError(
        `${weights} tells ${spec.classes} classes apart, but ${data.name} has ${length}: give the data that it was trained for.`,
      );
    const values = exportParameters(parameters);
    const test = testResult(await scoreSplit(parameters, network, data, 'test', { signal }), 0);
    const { sha256, synthetic, license, splits } = data;
    return await writeModel(
      directory,
      {
        name,
        ...(await measureClassifier({ network, read: () => values }, data, test, signal)),
        network: spec,
        input: {
          ...{ height: data.height, width: data.width, fit: 'cover', mean: [...mean], std: [...std] },
          transform: input,
        },
        flips: [],
        precision: 'float32',
        recipe: {},
        training: { id: 'elsewhere', epoch: 0, which: 'best', seconds: 0 },
        data: {
          ...{ name: data.name, sha256, synthetic, license },
          splits: { train: splits.train.count, val: splits.val.count, test: splits.test.count },
        },
        weights: { origin },
        versions: versions(),
      },
      values,
      [format],
      filesOf(data),
    );
  } finally {
    disposeParameters(parameters);
  }
}
