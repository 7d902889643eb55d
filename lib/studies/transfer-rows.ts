/** Rows of results.json for what is done with pretrained networks. */
import { countParameters } from '../models/parameters';
import type { TrainedClassifier } from '../training/classifier';
import { linearHead } from '../training/linear-head';
import type { Arm } from './arms';
import { networkTitle, type StudyNetwork } from './networks';
import { scoreFields, type ClassificationRow } from '../runs/results';

export interface RowFacts {
  readonly trainingKey: string;
  readonly network: StudyNetwork;
  readonly classes: number;
  readonly protocol: ClassificationRow['protocol'];
  readonly arm: Arm;
  /** Training, validation, and the features where there are any. */
  readonly seconds: number;
  readonly settings: ClassificationRow['settings'];
}

/** A row of a training that has come to its end; undefined for one that was stopped. */
export function transferRow(
  { trainingKey, network, classes, protocol, arm, seconds, settings }: RowFacts,
  trained: TrainedClassifier,
  tested: 'best' | 'last',
): ClassificationRow | undefined {
  const { bestValAccuracy } = trained;
  const scores = tested === 'best' ? trained.test : trained.testOfLast;
  if (scores === undefined || bestValAccuracy === undefined) return undefined;
  const { backbone, weights, weightsKey } = network;
  const head = countParameters({ table: linearHead(backbone.width, classes) });
  const all = countParameters({ table: backbone.table });
  const trainable = { scratch: all + head, 'fine-tuned': all + head, frozen: head, linear: head, knn: 0 }[protocol];
  return {
    trainingKey,
    model: networkTitle(backbone.name),
    network: backbone.name,
    weights,
    weightsSha256: weightsKey,
    protocol,
    arm,
    parameters: protocol === 'knn' ? all : all + head,
    trainableParameters: trainable,
    seconds,
    bestValAccuracy,
    ...scoreFields(scores),
    settings,
  };
}
