import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { halfNormalization, imagenetNormalization, type Normalization } from '../data/normalization';
import { UserError } from '../errors';
import { findModel } from '../models/pretrained';
import { weightsNames } from '../models/weights-source';
import type { NormalizationName } from './parameters';
import { describeWeights } from './saved-model';

const normalizations = { imagenet: imagenetNormalization, half: halfNormalization };

const triple = z.tuple([z.number(), z.number(), z.number()]);
const configSchema = z.object({ pretrained_cfg: z.object({ mean: triple, std: triple }) });

/**
 * What images went through when weights were made: as it is said, or by the record of pretrained weights, or what stands beside a file, as
 * the hub has it of timm's (config.json).
 * @throws UserError for a file of which nothing is known: it has to be said
 */
export function normalizationOf(weights: string, pretrained: string, said: NormalizationName = 'auto'): Normalization {
  if (said !== 'auto') return normalizations[said];
  const record = findModel(pretrained);
  const { mean, std, name } = record;
  const url = 'url' in record ? record.url : name;
  const isPath = !weightsNames.includes(weights);
  const ofRecord = [name, basename(url, '.pth')].some((stem) => basename(weights).startsWith(stem));
  if (!isPath || ofRecord) return { mean, std };
  const kept = describeWeights(weights);
  if (kept !== undefined) return { mean: kept.input.mean, std: kept.input.std };
  const beside = join(dirname(weights), 'config.json');
  const read = existsSync(beside) ? configSchema.safeParse(JSON.parse(readFileSync(beside, 'utf8'))) : undefined;
  if (read?.success === true) return read.data.pretrained_cfg;
  throw new UserError(
    `Nothing says what images ${basename(weights)} was trained on were normalised by: set normalization to imagenet or half (0.5), or put timm’s config.json beside it.`,
  );
}
