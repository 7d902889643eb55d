/** What several networks' masks of one image have in common. */
import type { Mask } from '../data/mask';

/** How many of the masks have each pixel. */
export function countVotes(masks: readonly Mask[]): Uint8Array {
  const votes = new Uint8Array(masks[0].pixels.length);
  for (const { pixels } of masks)
    for (let index = 0; index < votes.length; index++) votes[index] += pixels[index] !== 0 ? 1 : 0;
  return votes;
}

/**
 * Share of the pixels that some mask has which all have: the networks' Jaccard index among themselves. 1 where no mask has a pixel.
 */
export function agreementOf(votes: Uint8Array, networks: number): number {
  let [some, every] = [0, 0];
  for (const count of votes) {
    if (count > 0) some++;
    if (count === networks) every++;
  }
  return some === 0 ? 1 : every / some;
}

/** Pixels that more than half of the masks have. */
export function majorityMask(masks: readonly Mask[]): Mask {
  const votes = countVotes(masks);
  return { ...masks[0], pixels: votes.map((count) => (2 * count > masks.length ? 1 : 0)) };
}
