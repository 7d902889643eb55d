import type { Dataset } from '../../data/dataset';
import { openDataset, type OpenOptions } from '../../data/open';
import { UserError } from '../../errors';

/**
 * Opens data with one label an image.
 * @throws UserError for others
 */
export async function openLabelled(name: string, options: OpenOptions): Promise<Dataset> {
  const dataset = await openDataset(name, options);
  if (dataset.task !== 'multi-label') return dataset;
  dataset.close();
  throw new UserError(
    `${dataset.title} has several labels an image, but this notebook trains on one: choose another dataset.`,
  );
}
