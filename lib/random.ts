import { createHash } from 'node:crypto';

/**
 * Seeded random numbers. A stream is named by a seed and by what it is for, such as `createRandom(42, 'shuffle', epoch)`: what one
 * part of an experiment draws never depends on what ran before it, and a resumed run needs no saved generator state.
 */
export interface Random {
  /** A number in [0, 1) with 32 random bits. */
  uniform(): number;
  /** A normally distributed number (Box–Muller). */
  normal(mean?: number, deviation?: number): number;
  /** A whole number in [0, limit). */
  integer(limit: number): number;
  /** The numbers 0 … count − 1 in random order (Fisher–Yates). */
  permutation(count: number): Int32Array;
}

/** A stream of random numbers: xoshiro128** (Blackman and Vigna 2018), its state derived from the seed and the labels. */
export function createRandom(seed: number, ...labels: (string | number)[]): Random {
  const state = hashToState(JSON.stringify([seed, ...labels]));
  let spare: number | undefined;

  function next(): number {
    const result = Math.imul(rotateLeft(Math.imul(state[1], 5), 7), 9) >>> 0;
    const shifted = state[1] << 9;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = rotateLeft(state[3], 11);
    return result;
  }

  function uniform(): number {
    return next() / 4294967296;
  }

  function standardNormal(): number {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  function integer(limit: number): number {
    return Math.floor(uniform() * limit);
  }

  return {
    uniform,
    normal: (mean = 0, deviation = 1) => mean + deviation * standardNormal(),
    integer,
    permutation(count) {
      const order = Int32Array.from({ length: count }, (_, index) => index);
      for (let last = count - 1; last > 0; last--) {
        const other = integer(last + 1);
        [order[last], order[other]] = [order[other], order[last]];
      }
      return order;
    },
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/** The first 128 bits of the text's SHA-256: streams of different names do not meet. */
function hashToState(text: string): Int32Array {
  const digest = createHash('sha256').update(text).digest();
  return Int32Array.from({ length: 4 }, (_, word) => digest.readInt32LE(4 * word));
}
