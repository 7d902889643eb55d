/** The registry of published weights: what they are, where they are, and what images they expect. */
import { suggestion, UserError } from '../errors';
import {
  ownArchitectures,
  pretrainedFacts,
  type ImagePreparation,
  type ModelArchitecture,
  type PretrainedFacts,
} from './pretrained-records';
import { convnextConfigs } from './convnext';
import { resnetConfigs } from './resnet';
import { swinConfigs } from './swin';
import { vitConfigs } from './vit';

export type { ImagePreparation, ModelArchitecture } from './pretrained-records';

/** What is known of a model, whatever its weights. */
export type ModelRecord = ModelArchitecture & ImagePreparation & { readonly name: string; readonly classes: number };

/** A weights file of the registry. */
export type PretrainedRecord = PretrainedFacts & {
  /** Architecture and tag, such as `resnet18.tv_in1k`. */
  readonly name: string;
  /** Repository on the hub; undefined where the weights have to be given as a file. */
  readonly hub: string | undefined;
  readonly file: string;
  /** Where a browser gets the file. */
  readonly url: string;
};

const file = 'model.safetensors';
const facts: Readonly<Record<string, PretrainedFacts>> = pretrainedFacts;
const own: Readonly<Record<string, Omit<ModelRecord, 'name'>>> = ownArchitectures;
const architectures: readonly string[] = [resnetConfigs, vitConfigs, swinConfigs, convnextConfigs].flatMap(Object.keys);

/** Names with a tag, in the registry's order. */
export function pretrainedNames(): string[] {
  return Object.keys(facts);
}

/** Names without a tag, for random weights and local files. */
export function architectureNames(): string[] {
  return [...architectures];
}

/**
 * The entry of a weights file.
 * @throws UserError with the nearest name, or with the weights of an architecture that was given without a tag
 */
export function findPretrained(name: string): PretrainedRecord {
  if (!Object.hasOwn(facts, name)) {
    const tagged = namesOf(name);
    throw new UserError(
      tagged.length > 0
        ? `"${name}" names an architecture, not its weights: choose ${tagged.join(' or ')}, or give a file with --weights FILE.`
        : unknownMessage(name, pretrainedNames()),
    );
  }
  const hub = facts[name].elsewhere === undefined ? `timm/${name}` : undefined;
  const url = facts[name].elsewhere ?? `https://huggingface.co/${hub}/resolve/main/${file}`;
  return { ...facts[name], name, hub, file, url };
}

/**
 * A model by the name of its weights or of its architecture alone. Without a tag, images are prepared as for the first weights of
 * the architecture in the registry.
 * @throws UserError with the nearest name
 */
export function findModel(name: string): ModelRecord | PretrainedRecord {
  if (Object.hasOwn(facts, name)) return findPretrained(name);
  if (!architectures.includes(name))
    throw new UserError(unknownMessage(name, [...pretrainedNames(), ...architectures]));
  const { mean, std, interpolation, cropFraction, inputSize, classes, ...rest } =
    own[name] ?? findPretrained(namesOf(name)[0]);
  const model = { family: rest.family, architecture: rest.architecture } as ModelArchitecture;
  return { ...model, name, mean, std, interpolation, cropFraction, inputSize, classes };
}

function namesOf(architecture: string): string[] {
  return pretrainedNames().filter((name) => facts[name].architecture === architecture);
}

function unknownMessage(name: string, known: readonly string[]): string {
  return `There is no model "${name}"${suggestion(name, known) || '.'} Known are ${known.join(', ')}.`;
}
