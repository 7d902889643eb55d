/** Numbers as people read them. Rounding happens here and nowhere before. */

/** A missing value in a table. */
export const missing = '–';

/** Whole numbers grouped by thousands, others with `digits` decimals. */
export function formatNumber(value: number, digits = 3): string {
  return Number.isInteger(value) ? formatInteger(value) : formatDecimal(value, digits);
}

/** With `digits` decimals, so that a column lines up. A small number keeps two significant digits rather than becoming 0.001 or 0. */
export function formatDecimal(value: number, digits = 3): string {
  if (Number.isNaN(value)) return missing;
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  const fixed = value.toFixed(digits);
  const size = Math.abs(value);
  const blurred = digits > 0 && size < 10 ** (1 - digits) && Number(fixed) !== value;
  const small = size < 1e-4 ? value.toExponential(1) : String(Number(value.toPrecision(2)));
  return (blurred ? small : fixed).replace(/^-/, '−');
}

/**
 * Decimals for the numbers of a column, so that all have the same: as many as wanted, fewer where no value has more, more
 * where the largest would lose its second significant digit.
 */
export function columnDecimals(values: readonly number[], wanted: number): number {
  const finite = values.filter(Number.isFinite);
  const largest = Math.max(0, ...finite.map(Math.abs));
  const least = largest > 0 ? 1 - Math.floor(Math.log10(largest)) : 0;
  let decimals = wanted > 0 ? Math.min(9, Math.max(wanted, least)) : 0;
  const isExact = (value: number): boolean => Number(value.toFixed(decimals - 1)) === value;
  while (decimals > 0 && finite.every(isExact)) decimals--;
  return decimals;
}

/** With just so many decimals; what is too small to be seen with them is said to be. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return formatDecimal(value);
  const unit = 10 ** -decimals;
  if (value !== 0 && Math.abs(value) < unit / 2)
    return value > 0 ? `<${unit.toFixed(decimals)}` : `>−${unit.toFixed(decimals)}`;
  return decimals === 0 ? formatInteger(Math.round(value)) : value.toFixed(decimals).replace(/^-/, '−');
}

/** Decimals of a share of so many images: its standard error, at most, with two significant digits. */
export function shareDecimals(images: number): number {
  return images > 0 ? Math.max(2, Math.ceil(-Math.log10(0.5 / Math.sqrt(images))) + 1) : 3;
}

/** Text in which a percent sign stays with its number. */
export function typeset(text: string): string {
  return text.replace(/(\d) %/g, '$1\u00a0%');
}

/** 11181642 → 11,181,642. Four digits stay together, so that years and seeds look as usual, but beside larger numbers. */
export function formatInteger(value: number, grouped = isLarge(value)): string {
  const text = grouped ? value.toLocaleString('en-US', { maximumFractionDigits: 0 }) : String(value);
  return text.replace(/^-/, '−');
}

/** Whether its thousands are set apart wherever it stands. */
export function isLarge(value: number): boolean {
  return Math.abs(value) >= 10000;
}

/** 0.9312 → 93.1 %, which never breaks into two lines. */
export function formatPercent(fraction: number, digits = 1): string {
  return Number.isFinite(fraction) ? `${(fraction * 100).toFixed(digits)}\u00a0%`.replace(/^-/, '−') : missing;
}

/** 0.02 → under 0.1 s; 42.3 → 42 s; 95 → 1 min 35 s; 7300 → 2 h 2 min. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return missing;
  if (seconds > 0 && seconds < 0.05) return 'under 0.1\u00a0s';
  if (seconds < 9.95) return `${seconds.toFixed(1)}\u00a0s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}\u00a0s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}\u00a0min ${whole % 60}\u00a0s`;
  return `${Math.floor(whole / 3600)}\u00a0h ${Math.floor((whole % 3600) / 60)}\u00a0min`;
}

/** Images a second: three significant digits are more than it is worth. */
export function formatRate(imagesPerSecond: number): string {
  return `${formatNumber(imagesPerSecond, imagesPerSecond < 10 ? 1 : 0)} images/s`;
}

/** The ends of an interval with the same number of decimals: 0.812 – 0.845; nothing of one that there is not. */
export function formatInterval({ low, high }: { readonly low: number; readonly high: number }, digits = 3): string {
  const text = (value: number): string =>
    value
      .toFixed(digits)
      .replace(/^-(?=[0.]*$)/, '')
      .replace('-', '−');
  return Number.isNaN(low) ? missing : `${text(low)} – ${text(high)}`;
}

/** `formatInterval`, and what one over a single draw or seed leaves out. */
export function formatEstimate(interval: Parameters<typeof formatInterval>[0] & { readonly draws: number }): string {
  return `${formatInterval(interval)}${interval.draws === 1 ? ' (images only)' : ''}`;
}

const abbreviations: Readonly<Record<string, string>> = {
  'macro f1': 'macro-F1',
  f1: 'F1',
  auc: 'AUC',
  iou: 'IoU',
  ece: 'ECE',
  hd95: 'HD95',
  tensorflow: 'TensorFlow',
  tfjs: 'TensorFlow.js',
  node: 'Node.js',
  cpu: 'CPU',
  'memory gigabytes': 'memory (GB)',
};

/** A column's key as a heading: `testMacroF1` → Test macro-F1. Keys that are no camel-case name are headings already. */
export function heading(key: string): string {
  if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) return key;
  let words = key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();
  for (const [plain, proper] of Object.entries(abbreviations))
    words = words.replace(new RegExp(`\\b${plain}\\b`), proper);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
