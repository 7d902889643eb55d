/** Plotly as one file that several pages load. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { plotlyPath } from '../../display/library';
import { writeFileAtomic } from '../../files';

/** A name that says the version, so that pages of another one keep theirs. */
export function sharedPlotlyName(): string {
  const { version } = JSON.parse(readFileSync(join(dirname(plotlyPath), 'package.json'), 'utf8')) as {
    version: string;
  };
  return `plotly-cartesian-${version}.min.js`;
}

/** Puts it into a folder, unless it is there, and returns its path. */
export function writeSharedPlotly(folder: string): string {
  const path = join(folder, sharedPlotlyName());
  if (!existsSync(path)) writeFileAtomic(path, readFileSync(plotlyPath));
  return path;
}
