/** The learning rate of each epoch (counted from 0). */
export type Schedule = (epoch: number) => number;

/** Half a cosine from `learningRate` down towards 0, stepped per epoch: PyTorch's CosineAnnealingLR with T_max = epochs. */
export function cosineSchedule(learningRate: number, epochs: number): Schedule {
  return (epoch) => (learningRate * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
}
