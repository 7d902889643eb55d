/** A network that was trained elsewhere, head included, as a model of this project: tested on a dataset, without any training. */
import { basename } from 'node:path';
import type { Dataset } from '../data/dataset';
import { UserError } from '../errors';
import { loadBackbone } from '../models/backbone';
import { libraryNetwork } from '../models/networks';
import { backboneSpec } from '../models/open-backbone';
import { disposeParameters, exportParameters } from '../models/parameters';
import type { PlaneSize } from '../tensor/resample';
import { resizedInput } from '../training/input-transforms';
import { scoreSplit, testResult } from '../training/scored-split';
import { filesOf, measureClassifier, versions } from './save-model';
import { writeModel, type ModelFormat, type SavedModel } from './saved-model';

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
  const { backbone, parameters, source } = await loadBackbone({ name, weights, size, keepHead: true, signal });
  const { headName, table } = backbone;
  const spec = backboneSpec(backbone, table[`${headName}.weight`].shape[0]);
  const { mean, std, interpolation, cropFraction } = backbone.record;
  const transform = resizedInput(backbone.record, backbone.inputSize);
  const origin = { source: basename(weights), sha256: source.sha256 };
  const network = libraryNetwork(spec, { name, normalization: { mean, std }, transform, weights: origin });
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
          transform: { ...backbone.inputSize, interpolation, cropFraction },
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
