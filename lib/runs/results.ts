/**
 * `results.json`: what a run of a notebook leaves for other programs to read. Fractions and seconds, full precision.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../errors';
import { writeFileAtomic } from '../files';
import { withoutFolders } from '../paths';
import { arms } from './arms';
import type { TestResult } from '../training/scored-split';

const rowSchema = z.looseObject({
  /** Hash of everything that determines the training; the same training again replaces its rows. */
  trainingKey: z.string(),
  /** Of the data that it was trained on; rows of a file may be of several. */
  dataSha256: z.string().optional(),
  model: z.string(),
  weights: z.string(),
  /** Of the values that a training starts from, where they are not drawn by its seed. */
  weightsSha256: z.string().optional(),
  protocol: z.enum(['scratch', 'frozen', 'fine-tuned', 'linear', 'knn']),
  arm: z.enum(arms),
  parameters: z.int(),
  trainableParameters: z.int(),
  seconds: z.number(),
});

/** What a training was given, by name. */
export type RowSettings = Readonly<Record<string, string | number>>;

/** What whoever records a row says of it beside what was measured. */
export type RowFacts = Pick<z.infer<typeof rowSchema>, 'arm' | 'protocol'> & {
  /** Beside those of the recipe. */
  readonly settings?: RowSettings;
} & Readonly<Record<string, unknown>>;

/** A trained classifier: one line of the comparison. */
export interface ClassificationRow extends z.infer<typeof rowSchema> {
  readonly epoch: number;
  readonly bestValAccuracy: number;
  readonly testAccuracy: number;
  readonly testMacroF1: number;
  /** Undefined where the test split lacks a class. */
  readonly testAuc: number | undefined;
  readonly settings: RowSettings;
}

type ScoreFields = Pick<ClassificationRow, 'epoch' | 'testAccuracy' | 'testMacroF1' | 'testAuc'>;

/** The part of a row that says how well a network did on the test split. */
export function scoreFields({
  epoch,
  accuracy,
  macroF1,
  auc,
}: Pick<TestResult, 'epoch' | 'accuracy' | 'macroF1' | 'auc'>): ScoreFields {
  return { epoch, testAccuracy: accuracy, testMacroF1: macroF1, testAuc: auc };
}

/** A trained segmentation network: its scores are means over the test images, HD95 in pixels of the network's input. */
export interface SegmentationRow extends z.infer<typeof rowSchema> {
  readonly epoch: number;
  readonly trainImages: number;
  readonly valImages: number;
  /** Hash of which images were tested. */
  readonly testImages: string;
  readonly testDice: number;
  readonly testIou: number;
  readonly testSensitivity: number;
  readonly testSpecificity?: number;
  readonly testAccuracy: number;
  readonly testHd95: number;
  readonly bestValLoss: number;
  readonly bestValDice: number;
  readonly settings: RowSettings;
}

/** The rows of classifiers among results. */
export function classificationRows(all: readonly Results[]): ClassificationRow[] {
  return all.flatMap(({ results }) => results.filter(isClassification));
}

function isClassification(row: z.infer<typeof rowSchema>): row is ClassificationRow {
  return 'testMacroF1' in row && 'settings' in row;
}

/** What a run found of its study's claims: see the workbench's `ClaimRow`. */
const claimsSchema = z.object({
  /** Whether the study's own data and networks were run. */
  comparable: z.boolean(),
  rows: z.array(
    z.looseObject({
      claim: z.string(),
      published: z.string(),
      arm: z.string().optional(),
      ours: z.string(),
      interval: z.string(),
      verdict: z.string(),
      why: z.string(),
      outcome: z.string(),
      estimate: z.object({ mean: z.number(), low: z.number(), high: z.number(), draws: z.int() }).optional(),
      ofStudy: z.number().optional(),
    }),
  ),
});

const resultsSchema = z.looseObject({
  notebook: z.string(),
  runId: z.string(),
  profile: z.string(),
  parameters: z.record(z.string(), z.unknown()),
  seed: z.int(),
  environment: z.record(z.string(), z.unknown()),
  data: z.looseObject({ name: z.string(), sha256: z.string(), splits: z.record(z.string(), z.int()) }),
  results: z.array(rowSchema),
  history: z.record(z.string(), z.array(z.unknown())),
  claims: claimsSchema.optional(),
});

export type Results = z.infer<typeof resultsSchema>;

export const resultsFileName = 'results.json';
/** The folder of the models that a run has kept, a folder each, beside its results. */
export const modelsFolderName = 'models';

/** A short name for a run, the same for the same notebook and parameters. */
export function runIdOf(notebook: string, parameters: Readonly<Record<string, unknown>>): string {
  return shortHash({ notebook, parameters });
}

/** Ten hexadecimal digits that stand for a value; keys are sorted first. */
export function shortHash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 10);
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/**
 * Files among the parameters are named without their folders: results are published, and the hash of the data says
 * which file it was.
 */
export function writeResults(directory: string, results: Results): void {
  const parameters = Object.fromEntries(
    Object.entries(results.parameters).map(([name, value]) => [
      name,
      typeof value === 'string' ? withoutFolders(value) : value,
    ]),
  );
  writeFileAtomic(join(directory, resultsFileName), `${JSON.stringify({ ...results, parameters }, undefined, 2)}\n`);
}

/** @throws UserError where the file is damaged */
export function readResults(directory: string): Results | undefined {
  const path = join(directory, resultsFileName);
  if (!existsSync(path)) return undefined;
  try {
    return resultsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    throw new UserError(`${path} is damaged: delete its folder.`);
  }
}

/** All finished results below a folder of runs; a damaged one is passed over, so that it never hides the others. */
export function readAllResults(folder: string): Results[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      try {
        return readResults(join(folder, name)) ?? [];
      } catch {
        return [];
      }
    });
}
