/** The parameters of a notebook: described once, checked at the door, with defaults that depend on the profile. */
import { z } from 'zod';
import { shown, suggestion, UserError } from '../errors';
import { withoutFolders } from '../paths';
import { precisionSettings, type PrecisionSetting } from '../precisions';

/** Settings for a minute on two cores, or the study's own. */
export const profiles = ['tour', 'paper'] as const;
export type Profile = (typeof profiles)[number];

/** One parameter: what is allowed, in words and as a check, and what it is unless set. */
export interface ParameterSpec<T> {
  readonly schema: z.ZodType<T>;
  /** Completes "… must be", for messages. */
  readonly allowed: string;
  readonly meaning: string;
  readonly defaults: Readonly<Record<Profile, T>>;
}

export type ParameterSpecs = Readonly<Record<string, ParameterSpec<unknown>>>;

export type ResolvedParameters<S extends ParameterSpecs> = { readonly profile: Profile } & {
  readonly [K in keyof S]: S[K] extends { readonly schema: z.ZodType<infer T> } ? T : never;
};

/** What may be given: every parameter may be left out (or be undefined), which means the profile's value. */
export type GivenParameters<S extends ParameterSpecs> = {
  readonly [K in keyof ResolvedParameters<S>]?: ResolvedParameters<S>[K] | undefined;
};

/** One value for both profiles, or one for each. */
type Defaults<T> = T | Readonly<Record<Profile, T>>;

function byProfile<T extends string | number | boolean>(defaults: Defaults<T>): Readonly<Record<Profile, T>> {
  if (typeof defaults === 'object') return defaults;
  return { tour: defaults, paper: defaults };
}

export function integerParameter(
  meaning: string,
  defaults: Defaults<number>,
  minimum: number,
  maximum: number,
): ParameterSpec<number> {
  const allowed = `a whole number from ${minimum} to ${maximum}`;
  return { schema: z.int().min(minimum).max(maximum), allowed, meaning, defaults: byProfile(defaults) };
}

export function numberParameter(
  meaning: string,
  defaults: Defaults<number>,
  minimum: number,
  maximum: number,
): ParameterSpec<number> {
  const allowed = `a number from ${minimum} to ${maximum}`;
  return { schema: z.number().min(minimum).max(maximum), allowed, meaning, defaults: byProfile(defaults) };
}

export function choiceParameter<T extends string | number>(
  meaning: string,
  defaults: Defaults<T>,
  choices: readonly T[],
): ParameterSpec<T> {
  const schema = z.custom<T>((value) => (choices as readonly unknown[]).includes(value));
  return { schema, allowed: `one of ${choices.join(', ')}`, meaning, defaults: byProfile<T>(defaults) };
}

export function textParameter(meaning: string, defaults: Defaults<string>, allowed: string): ParameterSpec<string> {
  return { schema: z.string().min(1), allowed, meaning, defaults: byProfile(defaults) };
}

export function booleanParameter(meaning: string, defaults: Defaults<boolean>): ParameterSpec<boolean> {
  return { schema: z.boolean(), allowed: 'true or false', meaning, defaults: byProfile(defaults) };
}

/** Words with commas between them. */
export function listParameter(meaning: string, defaults: Defaults<string>, names: string): ParameterSpec<string> {
  const allowed = `${names}, with commas between them`;
  return { schema: z.string().regex(/^[^,\s]+(,[^,\s]+)*$/), allowed, meaning, defaults: byProfile(defaults) };
}

/** Numbers with commas between them, or `word`; a single number may come as one. @param isAllowed of each number */
export function numbersParameter(
  meaning: string,
  defaults: Defaults<string>,
  { allowed, isAllowed, word }: NumbersOptions,
): ParameterSpec<string | number> {
  const schema = z.coerce
    .string()
    .refine((text) => text === word || (decimals.test(text) && numbersIn(text).every(isAllowed)));
  return { schema, allowed, meaning, defaults: byProfile(defaults) };
}

interface NumbersOptions {
  readonly allowed: string;
  readonly isAllowed: (number: number) => boolean;
  readonly word?: string;
}

const decimals = /^\d+(\.\d+)?(e-?\d+)?(,\d+(\.\d+)?(e-?\d+)?)*$/;

/** The numbers of such a parameter, in its order. */
export function numbersIn(text: string | number): number[] {
  return String(text).split(',').map(Number);
}

/** Pixels a side of several versions of the same images, such as `28,64`. */
export function sizesParameter(meaning: string, defaults: Defaults<string>): ParameterSpec<string | number> {
  return numbersParameter(meaning, defaults, {
    allowed: 'auto, or whole numbers from 8 to 512 with commas between them, such as 28,64',
    isAllowed: (size) => Number.isInteger(size) && size >= 8 && size <= 512,
    word: 'auto',
  });
}

/** Where the weights of a network come from. */
export const weightsParameter: ParameterSpec<string> = {
  schema: z.string().regex(/^(embedded|hub|random|.*[/\\].*|.+\.(safetensors|json|pth|pt|bin))$/),
  allowed:
    'embedded, hub, random, or the path of a .safetensors or .pth file or of a model’s folder, such as models/blood',
  meaning: 'The project’s own weights, published ones from the hub, random ones, or a file or a model’s folder',
  defaults: { tour: 'embedded', paper: 'hub' },
};

/** `auto` is that of the weights' record, or of the config.json beside a file; else ImageNet's mean, or timm's 0.5. */
const normalizationNames = ['auto', 'imagenet', 'half'] as const;
export type NormalizationName = (typeof normalizationNames)[number];

export const normalizationParameter = choiceParameter<NormalizationName>(
  'What images went through when a weights file was made; auto where its record or the config.json beside it says so',
  'auto',
  normalizationNames,
);

/** Whether the project's own small network stands in for a study's: with its embedded weights, and with random ones in the tour. */
export function usesOwnNetwork(choice: { readonly profile: string; readonly weights: string }): boolean {
  return choice.weights === 'embedded' || (choice.profile === 'tour' && choice.weights === 'random');
}

/** A regular expression, or nothing. */
const groupBy: ParameterSpec<string> = {
  schema: z.coerce.string(),
  allowed: 'a regular expression that finds in a file’s name whose it is, such as ^(patient\\d+)',
  meaning:
    'Of files: regular expression that finds in a name whose an image is; what is drawn never parts those of one. Empty for none',
  defaults: { tour: '', paper: '' },
};

/** What notebooks that train share, on labels and on masks alike, for one's own images. */
export const ownImages = {
  groupBy,
  folds: integerParameter('Parts for cross-validation, each tested once; 1 leaves it out', 1, 1, 1000),
  keepModel: booleanParameter('Keeps the model of each training in a folder that Python opens, too', false),
};

/** The parameters that notebooks share where they make sense, each with the study's own defaults. */
export const common = {
  seed: integerParameter('Seed of everything that is drawn at random', 42, 0, 2 ** 31 - 1),
  weightDecay: numberParameter('Decoupled weight decay', 1e-5, 0, 1),
  learningRate: numberParameter('Learning rate at the start of the cosine', 1e-3, 1e-8, 10),
  batchSize: integerParameter('Images a step', 128, 1, 4096),
  precision: choiceParameter<PrecisionSetting>(
    'What trainings compute in: float32, bfloat16 with float32 weights, or auto, the faster of them here',
    'float32',
    precisionSettings,
  ),
};

/**
 * Fills in what is not given from the profile and checks everything.
 * @throws UserError in one line: an unknown name with the nearest known one, or a value with what is allowed
 */
export function resolveParameters<S extends ParameterSpecs>(
  specs: S,
  given: Readonly<Record<string, unknown>>,
): ResolvedParameters<S> {
  const profile = (given.profile ?? 'tour') as Profile;
  if (!profiles.includes(profile)) {
    throw new UserError(`profile is ${shown(profile)}, but must be one of ${profiles.join(', ')}.`);
  }
  const names = ['profile', ...Object.keys(specs)];
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UserError(
      `There is no parameter "${unknown}"${suggestion(unknown, names) || '.'} Known are ${names.join(', ')}.`,
    );
  }
  const resolved: Record<string, unknown> = { profile };
  for (const [name, spec] of Object.entries(specs)) {
    const value = given[name] ?? spec.defaults[profile];
    const checked = spec.schema.safeParse(value);
    if (!checked.success) throw new UserError(`${name} is ${shown(value)}, but must be ${spec.allowed}.`);
    resolved[name] = checked.data;
  }
  return resolved as ResolvedParameters<S>;
}

/** The resolved parameters as rows of a table: name, value, where it comes from, what it means. */
export function parameterRows<S extends ParameterSpecs>(
  specs: S,
  given: Readonly<Record<string, unknown>>,
  resolved: ResolvedParameters<S>,
) {
  const values = resolved as Readonly<Record<string, unknown>>;
  const isDefault = (name: string): boolean =>
    given[name] === undefined || values[name] === specs[name].defaults[resolved.profile];
  const origin = (name: string): string => (isDefault(name) ? `${resolved.profile} profile` : 'set here');
  return [
    {
      parameter: 'profile',
      value: resolved.profile,
      from: resolved.profile === profiles[0] ? 'default' : 'set here',
      meaning: 'tour takes a minute, paper uses the study’s settings',
    },
    ...Object.entries(specs).map(([name, spec]) => ({
      parameter: name,
      value: withoutFolders(String(values[name])),
      from: origin(name),
      meaning: spec.meaning,
    })),
  ];
}
