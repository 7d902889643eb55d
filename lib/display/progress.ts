import {
  historyKey,
  mainMetric,
  type BatchEvent,
  type DoneEvent,
  type HistoryRow,
  type PhaseEvent,
  type StoppedEvent,
  type TrainingEvent,
  type WarningEvent,
} from '../training/events';
import { formatDuration, formatNumber, formatPercent, formatRate } from './format';
import { escapeHtml } from './html';
import { inNotebook, liveDisplay, type Displayable, type LiveDisplay } from './mime';

export interface ProgressOptions {
  /** What steps and epochs are, where they are no batches and epochs. */
  readonly step?: string;
  readonly epoch?: string;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
  /** Where the bar is shown; for tests. */
  readonly display?: LiveDisplay;
  /** Where lines go outside a notebook. */
  readonly log?: (line: string) => void;
}

/** Notebook front ends freeze under a flood of updates. */
const millisecondsBetweenUpdates = 250;

type Words = Pick<ProgressOptions, 'step' | 'epoch'>;

interface Progress extends Words {
  readonly label: string;
  readonly event: Exclude<TrainingEvent, WarningEvent> | PhaseEvent;
  /** Share of the work that is done. */
  readonly fraction: number;
  readonly secondsLeft?: number;
  readonly lastRow?: HistoryRow;
  /** What went wrong and was mended stays to be read. */
  readonly warnings: readonly string[];
}

/** Takes the events of a run: a bar that is there at once and updated in place in a notebook, one line an epoch elsewhere. */
export function progressBar(label: string, options: ProgressOptions = {}): (event: TrainingEvent | PhaseEvent) => void {
  const { now = Date.now, log = console.log } = options;
  const words: Words = { step: options.step, epoch: options.epoch };
  const display = options.display ?? (inNotebook() ? liveDisplay() : undefined);
  let start: { readonly time: number; readonly fraction: number } | undefined;
  let lastUpdate = -Infinity;
  let lastRow: HistoryRow | undefined;
  const warnings: string[] = [];
  // The first batch may take long.
  display?.update(renderProgress({ label, event: { kind: 'phase', message: 'starting' }, fraction: 0, warnings }));

  return (event) => {
    if (event.kind === 'epoch') lastRow = event.row;
    if (display === undefined) {
      if (event.kind === 'warning') log(`${label} · warning: ${event.message}`);
      else if (event.kind !== 'batch') log(progressLine({ label, event, ...words }));
      return;
    }
    if (event.kind === 'warning') {
      warnings.push(event.message);
      return;
    }
    const time = now();
    if (event.kind === 'phase') {
      display.update(renderProgress({ label, event, fraction: 0, warnings }));
      return;
    }
    const fraction = fractionDone(event);
    // A resumed run starts in the middle: the speed is what was done since the first event.
    start ??= { time, fraction: event.kind === 'batch' ? (event.epoch - 1) / event.epochs : fraction };
    if (!isLine(event) && time - lastUpdate < millisecondsBetweenUpdates) return;
    lastUpdate = time;
    const done = fraction - start.fraction;
    const secondsLeft =
      done > 0 && time > start.time ? ((time - start.time) / 1000 / done) * (1 - fraction) : undefined;
    display.update(renderProgress({ label, event, fraction, secondsLeft, lastRow, warnings, ...words }));
  };
}

function fractionDone(event: Exclude<Progress['event'], PhaseEvent>): number {
  if (event.kind === 'done') return 1;
  const finished = event.kind === 'batch' ? event.epoch - 1 + event.step / Math.max(1, event.steps) : event.epoch;
  return Math.min(1, Math.max(0, finished / Math.max(1, event.epochs)));
}

function renderProgress(progress: Progress): Displayable {
  const { label, event, fraction } = progress;
  const warnings = progress.warnings
    .map((message) => `<div class="nb-warning">⚠ Warning: ${escapeHtml(message)}</div>`)
    .join('');
  if (isLine(event)) {
    const icon = iconOf(event);
    const text = progressLine({ ...progress, event });
    return {
      html: `<div class="nb-display nb-progress" role="status">${icon} ${escapeHtml(text)}${warnings}</div>`,
      text,
    };
  }
  const percent = Math.floor(fraction * 100);
  const numbers = runningNumbers(progress).map((text) => `<span>${escapeHtml(text)}</span>`);
  const html =
    `<div class="nb-display nb-progress"><div class="nb-line"><strong>${escapeHtml(label)}</strong><span>${epochText(event)}</span>` +
    `<span>${percent} %</span></div><div class="nb-track" role="progressbar" aria-label="${escapeHtml(label)}" aria-valuemin="0" ` +
    `aria-valuemax="100" aria-valuenow="${percent}"><div class="nb-bar" style="width:${percent}%"></div></div>` +
    `<div class="nb-line nb-numbers">${numbers.join('')}</div>${warnings}</div>`;
  return {
    html,
    text: [label, epochText(event), `${percent} %`, ...runningNumbers(progress), ...progress.warnings]
      .filter((part) => part !== '')
      .join(' · '),
  };
}

/** What has no share of the work to show. */
function isLine(event: Progress['event']): event is DoneEvent | StoppedEvent | PhaseEvent {
  return event.kind === 'done' || event.kind === 'stopped' || event.kind === 'phase';
}

function iconOf(event: DoneEvent | StoppedEvent | PhaseEvent): string {
  const state = event.kind === 'phase' ? event.ended : event.kind;
  return state === undefined ? '⋯' : { done: '✓', stopped: '■' }[state];
}

function epochText({ epoch, epochs }: { readonly epoch: number; readonly epochs: number }): string {
  return epochs > 1 ? `epoch ${epoch} of ${epochs}` : '';
}

function runningNumbers({ event, secondsLeft, lastRow, ...words }: Progress): string[] {
  const numbers = event.kind === 'batch' ? batchNumbers(event, words) : [];
  if (lastRow !== undefined) numbers.push(...rowNumbers(lastRow));
  if (secondsLeft !== undefined) numbers.push(`${formatDuration(secondsLeft)} left`);
  return numbers;
}

function batchNumbers({ step, steps, loss, imagesPerSecond }: BatchEvent, words: Words): string[] {
  const numbers = [`${words.step ?? 'batch'} ${step} of ${steps}`];
  if (imagesPerSecond !== undefined) numbers.push(formatRate(imagesPerSecond));
  if (loss !== undefined) numbers.push(`loss ${formatNumber(loss)}`);
  return numbers;
}

function rowNumbers(row: HistoryRow): string[] {
  const loss = `val loss ${formatNumber(row.valLoss)}`;
  const metric = mainMetric(row);
  return metric === undefined
    ? [loss]
    : [loss, `val ${metricTitle(metric)} ${formatPercent(row[historyKey('val', metric)])}`];
}

/** In a sentence. */
function metricTitle(metric: string): string {
  return { auc: 'AUC', dice: 'Dice' }[metric] ?? metric;
}

type ProgressLine = Words &
  Pick<Progress, 'label' | 'lastRow'> & { readonly event: Exclude<Progress['event'], BatchEvent> };

/** What is left of a run in a log, or below its cell. */
function progressLine({ label, event, lastRow, ...words }: ProgressLine): string {
  const parts = [label];
  if (event.kind === 'epoch') {
    const { row, epoch, epochs } = event;
    parts.push(
      `epoch ${epoch} of ${epochs}`,
      `train loss ${formatNumber(row.trainLoss)}`,
      ...rowNumbers(row),
      formatDuration(row.seconds),
    );
    return parts.join(' · ');
  }
  if (event.kind === 'phase') return [label, event.message].join(' · ');
  const { epoch: unit = 'epoch' } = words;
  if (event.kind === 'done') parts.push(event.epochs === 1 ? 'done' : `${event.epochs} ${unit}s`);
  else parts.push(`stopped after ${event.epoch} of ${event.epochs} ${unit}s`);
  parts.push(formatDuration(event.seconds));
  if (event.kind === 'done' && event.best !== undefined) {
    const { metric, value, epoch } = event.best;
    const shown = metric === 'loss' ? formatNumber(value) : formatPercent(value);
    parts.push(`best val ${metricTitle(metric)} ${shown} in epoch ${epoch}`);
  } else if (lastRow !== undefined) parts.push(...rowNumbers(lastRow));
  return parts.join(' · ');
}
