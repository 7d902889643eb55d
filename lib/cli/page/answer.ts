/** The box under a page's title: what was found, how sure that is, the figure that shows it, and what it was run on. */
import { formatDuration, formatInteger } from '../../display/format';
import type { Results } from '../../runs/results';
import { headline } from './headline';

export interface Answer {
  readonly found?: string;
  readonly sure?: string;
  readonly ranOn?: string;
  /** HTML of the headline figure's picture, and the figure's place in the page. */
  readonly picture?: string;
  readonly figure?: string;
}

/** Undefined where a notebook has neither results nor a figure. */
export function answerOf(
  results: Results | undefined,
  { seconds, picture, figure }: { readonly seconds?: number } & Pick<Answer, 'picture' | 'figure'>,
): Answer | undefined {
  const said = results && headline(results);
  if (said === undefined && figure === undefined) return undefined;
  return { found: said?.result, sure: said?.certainty, ranOn: results && ranOn(results, seconds), picture, figure };
}

export function ranOn({ data, profile, environment }: Results, seconds: number | undefined): string {
  const splits = Object.entries(data.splits).map(([name, count]) => `${formatInteger(count)} ${name}`);
  const { cpu, cores, device } = environment;
  const machine = [device === 'GPU' ? 'GPU' : cpu, typeof cores === 'number' ? `${cores} cores` : undefined];
  return [
    `${data.name} (${splits.join(', ')})`,
    `${profile} profile`,
    machine.filter((part) => typeof part === 'string').join(', '),
    ...(seconds === undefined ? [] : [formatDuration(seconds)]),
  ]
    .filter((part) => part !== '')
    .join('; ');
}
