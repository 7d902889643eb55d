/** What is told of a study: its code as published, or what its text set out to do. */
export const arms = ['as-published', 'corrected'] as const;
export type Arm = (typeof arms)[number];

/** For people. */
export function armTitle(arm: Arm): string {
  return arm.replace('-', ' ');
}
