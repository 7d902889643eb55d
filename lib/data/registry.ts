import { suggestion, UserError } from '../errors';
import { advice } from './registry-advice';
import { medmnist } from './registry-medmnist';
import { publishedScores } from './registry-scores';
import { imageSizes, type DatasetFile, type DatasetRecord, type ImageSize } from './registry-types';

/** Version 3 of MedMNIST+, doi:10.5281/zenodo.10519652. */
const source = 'https://zenodo.org/records/10519652/files/';

const medmnistCitation =
  'Yang et al., MedMNIST v2 – A large-scale lightweight benchmark for 2D and 3D biomedical image classification. ' +
  'Scientific Data 10, 41 (2023). doi:10.1038/s41597-022-01721-8.';

const names = Object.keys(medmnist) as (keyof typeof medmnist)[];

/** Names of the datasets that can be downloaded, in the order of their publication. */
export function datasetNames(): string[] {
  return [...names];
}

/** The entry of a dataset. Throws a UserError with the nearest name where there is none of that name. */
export function findDataset(name: string): DatasetRecord {
  const known = names.find((candidate) => candidate === name);
  if (known === undefined) {
    throw new UserError(
      `There is no dataset "${name}"${suggestion(name, names) || '.'} "npm run data -- list" shows the ${names.length} that there are.`,
    );
  }
  const facts = medmnist[known];
  return {
    name: known,
    ...facts,
    ...advice[known],
    source,
    citation: `${medmnistCitation} Images: ${advice[known].sourceCitation}`,
    published: publishedScores(known),
  };
}

/**
 * Name, address and MD5 of a dataset's file at one image size (28, 64, 128 or 224 pixels). The names are those of the Python package
 * medmnist, whose files can therefore be used as they are. Throws a UserError for any other size.
 */
export function datasetFile(record: DatasetRecord, size: number): DatasetFile {
  if (!isImageSize(size)) {
    throw new UserError(`${record.title} has no images of ${size} pixels; the sizes are ${imageSizes.join(', ')}.`);
  }
  const fileName = size === 28 ? `${record.name}.npz` : `${record.name}_${size}.npz`;
  return { fileName, url: `${record.source}${fileName}?download=1`, ...record.files[size] };
}

function isImageSize(size: number): size is ImageSize {
  return (imageSizes as readonly number[]).includes(size);
}

/** A registry's title, or the name. */
export function datasetTitle(name: string): string {
  return datasetNames().includes(name) ? findDataset(name).title : name;
}
