/** The gallery's first part: what the four studies claim, what was found of it here, and how sure that is. */
import { formatDecimal } from '../display/format';
import { escapeHtml } from '../display/html';
import type { Results } from '../runs/results';
import { capitalized } from './page/headline';

type Claims = NonNullable<Results['claims']>;
type ClaimRow = Claims['rows'][number];

/** A run whose results have claims, and where its page is. */
export interface ClaimSource {
  readonly name: string;
  readonly link: string;
  readonly claims: Claims;
}

/** The studies, and the notebooks that measure their claims. */
const studies = [
  {
    title: 'Blood cells: ResNet, ViT and DINO (Giannini 2025)',
    says: 'a fine-tuned ViT is ahead of a ResNet from scratch, and that of frozen DINO, which lacks pixels',
    notebooks: ['03', '04'],
  },
  {
    title: 'MedMNIST2D: ResNet-50 and Swin-B (Basina 2025)',
    says: 'pretrained, Swin-B beats ResNet-50 on most datasets; from scratch it does not, above all where data are few',
    notebooks: ['05'],
  },
  {
    title: 'Few-shot segmentation (Xu)',
    says: 'from 40 labelled images down, an encoder that learned to remove noise is better frozen than trained along',
    notebooks: ['06'],
  },
  {
    title: 'Lesion segmentation: DINOv3 and U-Net (Diallo 2026)',
    says: 'frozen DINOv3 is ahead with a quarter of the images, the U-Net with all of them',
    notebooks: ['07'],
  },
] as const;

/** Of one claim, and of several. */
const outcomes = {
  holds: ['holds', 'hold'],
  fails: ['does not hold', 'do not hold'],
  undecided: ['cannot be told', 'cannot be told'],
  'not tested': ['not tested', 'not tested'],
} as const;

/** An element `section`; none where no run has claims. */
export function claimsSection(sources: readonly ClaimSource[]): string[] {
  const told = studies.flatMap(({ title, says, notebooks }) => {
    const own = sources.filter(({ name }) => notebooks.some((number) => name.startsWith(number)));
    return own.length === 0 ? [] : [study({ title, says }, own)];
  });
  if (told.length === 0) return [];
  const isOther = sources.some(({ claims }) => !claims.comparable);
  return [
    `<section class="claims" aria-labelledby="claims"><h2 id="claims">What the studies claim, and what was found here</h2>
<p>${isOther ? 'These runs are of other data or smaller networks than the studies’: verdicts are about these runs, and say nothing of the studies. ' : ''}A claim holds where all of its 95 % interval is on the claimed side, and cannot be told where 0 is within it, or where there is one seed.</p>
<p class="legend" aria-hidden="true"><span>● here, with its interval</span><span>◇ published</span></p>
${told.join('\n')}
</section>`,
  ];
}

/** Of a claim that several notebooks have, the one that was tested; of two arms, the corrected one. */
function study(
  { title, says }: { readonly title: string; readonly says: string },
  sources: readonly ClaimSource[],
): string {
  const all = sources.flatMap(({ claims, link }) => claims.rows.map((row) => ({ ...row, link })));
  const rows = all.filter((row, at) => {
    const alike = all.filter(({ claim }) => claim === row.claim);
    const best = alike.reduce((a, b) => (rank(b) > rank(a) ? b : a));
    return all.indexOf(best) === at;
  });
  const counts = Object.entries(outcomes).flatMap(([outcome, [one, several]]) => {
    const count = rows.filter((row) => row.outcome === outcome).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? one : several}`];
  });
  const drawn = rows.filter(({ estimate }) => estimate !== undefined);
  const reach = 1.3 * Math.max(0.01, ...drawn.flatMap(({ estimate, ofStudy }) => [estimate?.mean, ofStudy].map(size)));
  return `<details><summary><span>${escapeHtml(title)}</span> <span class="says">says that ${escapeHtml(says)}.</span> <span class="counts">Of ${rows.length} claims ${counts.join(', ')}.</span></summary>
<ul>
${rows.map((row) => claim(row, reach)).join('\n')}
</ul>
${drawn.length === 0 ? '' : `<p class="scale">Drawn are differences of scores from ${formatDecimal(-reach, 2)} to ${formatDecimal(reach, 2)}; an arrow is an interval that goes on. `}${sources.map(({ link, name }) => `<a href="${link}">Notebook ${name.slice(0, 2)}</a>`).join(', ')}</p>
</details>`;
}

function size(value: unknown): number {
  return typeof value === 'number' ? Math.abs(value) : 0;
}

function rank({ outcome, arm }: ClaimRow): number {
  return (outcome === 'not tested' ? 0 : 2) + (arm === undefined || arm.startsWith('corrected') ? 1 : 0);
}

function claim(row: ClaimRow, reach: number): string {
  const { claim: words, published, ours, interval, verdict, why, outcome } = row;
  const found = ours === '' ? '' : ` Here ${ours}${interval === '' ? '' : `, 95 % interval ${interval}`}.`;
  return `<li class="${outcome.replace(' ', '-')}"><p><strong>${escapeHtml(words)}</strong> <span class="verdict">${escapeHtml(verdict)}</span></p>
${drawing(row, reach)}<p class="why">Published: ${escapeHtml(published)}.${escapeHtml(`${found} ${capitalized(why)}`)}.</p></li>`;
}

/** Half of a drawing's width; its interval is cut off there. */
const half = 100;

/** A dot with its interval on a line with 0 in the middle, and the published value; the text below says the same. */
function drawing({ estimate, ofStudy }: ClaimRow, reach: number): string {
  if (estimate === undefined) return '';
  const at = (value: number): number => Math.round(10 * half * Math.max(-1, Math.min(1, value / reach))) / 10;
  const [low, high] = [at(estimate.low), at(estimate.high)];
  const arrow = (end: number): string =>
    Math.abs(end) < half ? '' : `<path d="M${end} 8l${-6 * Math.sign(end)} -4v8z"/>`;
  const theirs = typeof ofStudy === 'number' ? `<path class="theirs" d="M${at(ofStudy)} 3l5 5l-5 5l-5 -5z"/>` : '';
  return `<svg viewBox="${-half - 8} 0 ${2 * half + 16} 16" aria-hidden="true"><path class="axis" d="M${-half} 8H${half}M0 1V15"/><path class="interval" d="M${low} 8H${high}"/>${arrow(low)}${arrow(high)}${theirs}<circle cx="${at(estimate.mean)}" cy="8" r="4"/></svg>
`;
}
