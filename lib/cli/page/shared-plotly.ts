/** Plotly as one file that several pages load. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleFile, bundlePath, type BundleName } from '../../display/plotly-bundles';
import { writeFileAtomic } from '../../files';

/** Puts a bundle into a folder, unless it is there, and returns its path. */
export function writeSharedPlotly(folder: string, bundle: BundleName): string {
  const path = join(folder, bundleFile(bundle));
  if (!existsSync(path)) writeFileAtomic(path, readFileSync(bundlePath(bundle)));
  return path;
}
