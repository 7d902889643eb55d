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

export function integerParameter(
  meaning: string,
  defaults: Record<Profile, number>,
  minimum: number,
  maximum: number,
): ParameterSpec<number> {
  const allowed = `a whole number from ${minimum} to ${maximum}`;
  return { schema: z.int().min(minimum).max(maximum), allowed, meaning, defaults };
}

export function numberParameter(
  meaning: string,
  defaults: Record<Profile, number>,
  minimum: number,
  maximum: number,
): ParameterSpec<number> {
  const allowed = `a number from ${minimum} to ${maximum}`;
  return { schema: z.number().min(minimum).max(maximum), allowed, meaning, defaults };
}

export function choiceParameter<T extends string | number>(
  meaning: string,
  defaults: Record<Profile, T>,
  choices: readonly T[],
): ParameterSpec<T> {
  const schema = z.custom<T>((value) => (choices as readonly unknown[]).includes(value));
  return { schema, allowed: `one of ${choices.join(', ')}`, meaning, defaults };
}

export function textParameter(
  meaning: string,
  defaults: Record<Profile, string>,
  allowed: string,
): ParameterSpec<string> {
  return { schema: z.string().min(1), allowed, meaning, defaults };
}

export function booleanParameter(meaning: string, defaults: Record<Profile, boolean>): ParameterSpec<boolean> {
  return { schema: z.boolean(), allowed: 'true or false', meaning, defaults };
}

/** Pixels a side of several versions of the same images, such as `28,64`; a single number may come as one. */
export function sizesParameter(meaning: string, defaults: Record<Profile, string>): ParameterSpec<string | number> {
  const inRange = (text: string): boolean =>
    text === 'auto' ||
    (/^\d+(,\d+)*$/.test(text) && text.split(',').every((size) => Number(size) >= 8 && Number(size) <= 512));
  const schema = z.preprocess(
    (value) => (typeof value === 'number' ? String(value) : value),
    z.string().refine(inRange),
  );
  return {
    schema,
    allowed: 'auto, or whole numbers from 8 to 512 with commas between them, such as 28,64',
    meaning,
    defaults,
  };
}

/** Where the weights of a network come from. */
export const weightsParameter: ParameterSpec<string> = {
  schema: z.string().regex(/^(embedded|hub|random|.*[/\\].*|.+\.(safetensors|json|pth|pt|bin))$/),
  allowed:
    'embedded, hub, random, or the path of a .safetensors or .pth file or of a model’s folder, such as models/blood',
  meaning: 'The project’s own weights, published ones from the hub, random ones, or a file or a model’s folder',
  defaults: { tour: 'embedded', paper: 'hub' },
};

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
  folds: integerParameter(
    'Parts for cross-validation, each tested once; 1 leaves it out',
    { tour: 1, paper: 1 },
    1,
    1000,
  ),
  keepModel: booleanParameter('Keeps the model of each training in a folder that Python opens, too', {
    tour: false,
    paper: false,
  }),
};

/** The parameters that notebooks share where they make sense, each with the study's own defaults. */
export const common = {
  seed: integerParameter('Seed of everything that is drawn at random', { tour: 42, paper: 42 }, 0, 2 ** 31 - 1),
  weightDecay: numberParameter('Decoupled weight decay', { tour: 1e-5, paper: 1e-5 }, 0, 1),
  learningRate: numberParameter('Learning rate at the start of the cosine', { tour: 1e-3, paper: 1e-3 }, 1e-8, 10),
  batchSize: integerParameter('Images a step', { tour: 128, paper: 128 }, 1, 4096),
  precision: choiceParameter<PrecisionSetting>(
    'What trainings compute in: float32, bfloat16 with float32 weights, or auto, the faster of them here',
    { tour: 'float32', paper: 'float32' },
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
