/**
 * Milliseconds after which something that never comes is given up: far more than it takes on a machine that computes much else at the same
 * time, so that only what hangs ends by it.
 */
export const patience = 1_800_000;
