/** Runs of the second study's grid by few words: what is not said is the study's. */
import type { Precision } from '../../lib/precisions';
import { resolveParameters } from '../../lib/runs/parameters';
import { shortHash } from '../../lib/runs/results';
import { namedReference, type DatasetReference } from '../../lib/data/dataset-references';
import { configurationsOf, type GridConfiguration } from '../../lib/studies/medmnist2d/grid';
import { medmnist2dParameterSpecs } from '../../lib/studies/medmnist2d/parameters';
import { datasetNames } from '../../lib/data/registry';

export interface GridOptions {
  readonly datasets?: readonly (string | DatasetReference)[];
  readonly size?: number;
  readonly fractions?: readonly number[];
  readonly networks?: readonly string[];
  readonly initializations?: readonly string[];
  readonly optimizers?: readonly string[];
  readonly learningRates?: readonly number[];
  readonly arms?: readonly string[];
  readonly seeds?: readonly number[];
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly patience?: number;
  readonly precision?: Precision;
}

export const gridRunId: (configuration: GridConfiguration) => string = shortHash;

export function gridConfigurations({ datasets, size, precision, ...given }: GridOptions = {}): GridConfiguration[] {
  const isTour = given.networks?.some((name) => name.endsWith('tour')) === true;
  const listed = { ...given, initializations: given.initializations ?? (isTour ? ['scratch'] : undefined) };
  const settings = resolveParameters(medmnist2dParameterSpecs, {
    profile: 'paper',
    ...Object.fromEntries(
      Object.entries(listed).map(([name, value]) => [name, Array.isArray(value) ? value.join(',') : value]),
    ),
  });
  const found = (datasets ?? datasetNames()).map((one) =>
    typeof one === 'string' ? namedReference(one, size ?? 224) : one,
  );
  return configurationsOf({ ...settings, precision: precision ?? 'float32' }, found);
}
