/** Opens the .npz of its argument, makes batches of all its images, and prints by how many bytes the process grew for that at the most. */
import type { ImageTransform } from '../../lib/models/network';
import { imageBatches } from '../../lib/data/batches';
import { halfNormalization } from '../../lib/data/normalization';
import { splitNames } from '../../lib/data/dataset';
import { openNpzDataset } from '../../lib/data/npz-dataset';
import { imageStream } from '../../lib/training/image-stream';

async function main([path, cacheDirectory]: string[]): Promise<void> {
  const before = process.resourceUsage().maxRSS;
  const dataset = await openNpzDataset(path, {}, { cacheDirectory });
  const transform: ImageTransform = {
    key: 'none',
    ...dataset,
    normalization: halfNormalization,
    apply: (bytes) => bytes,
  };
  let images = 0;
  for (const name of splitNames) {
    const split = dataset.splits[name];
    const options = { batchSize: 16, normalization: halfNormalization };
    for (const batch of imageBatches(dataset, split, options)) {
      images += batch.count;
      batch.dispose();
    }
    for await (const batch of imageStream(dataset, split, { ...options, transform })) batch.dispose();
  }
  dataset.close();
  // maxRSS is in kilobytes, on every system.
  process.stdout.write(JSON.stringify({ images, grown: (process.resourceUsage().maxRSS - before) * 1024 }));
}

void main(process.argv.slice(2));
