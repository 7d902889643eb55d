/** How a grid goes on: on a terminal a table that is drawn again and again, elsewhere a line for whatever happens. */
import { alignColumns } from '../align-columns';
import type { ProgressStream } from '../progress-line';
import { formatDuration } from '../../display/format';
import type { TrainingEvent } from '../../training/events';
import type { GridEvent } from './grid';

export interface GridStream extends ProgressStream {
  readonly rows?: number;
}

export interface GridViewOptions<C> {
  readonly total: number;
  /** Runs that were finished before. */
  readonly finished: number;
  /** The run's setting in a few words. */
  titleOf(configuration: C): string;
  /** How long a run takes, as far as that is known. */
  expectedSeconds(configuration: C): number | undefined;
  /** Runs that are neither finished nor running. */
  readonly waiting: readonly C[];
  readonly capacity: number;
}

export interface GridView<C> {
  onEvent(event: GridEvent<C>): void;
  /** A line that stays. */
  note(text: string): void;
  close(): void;
}

interface RunningRow<C> {
  readonly configuration: C;
  readonly started: number;
  where: string;
  state: string;
  attempt: number;
  /** Share of the run that is done, and the first one that was seen of this attempt: a continued run begins above 0. */
  share: number;
  firstShare: number | undefined;
}

const updateMilliseconds = 250;
const plainMilliseconds = 10_000;
const shownLogLines = 8;

export function createGridView<C>(
  stream: GridStream,
  options: GridViewOptions<C>,
  now = () => performance.now(),
): GridView<C> {
  const { total, titleOf, expectedSeconds } = options;
  const terminal = stream.isTTY === true;
  const running = new Map<string, RunningRow<C>>();
  const waiting = new Set(options.waiting);
  const spent = { seconds: 0, expected: 0, runs: 0 };
  let { finished, capacity } = options;
  let [failed, elsewhere] = [0, 0];
  let drawn = 0;
  let last = -Infinity;
  let timer: NodeJS.Timeout | undefined;

  function remainingSeconds(): number | undefined {
    const mean = spent.runs > 0 ? spent.seconds / spent.runs : undefined;
    // What was expected of the runs that have finished since corrects what is expected of the others.
    const correction = spent.expected > 0 ? spent.seconds / spent.expected : 1;
    const whole = (configuration: C): number | undefined => {
      const expected = expectedSeconds(configuration);
      return expected === undefined ? mean : expected * correction;
    };
    const rests = [...running.values()].map(({ configuration, started, share, firstShare }) => {
      const elapsed = (now() - started) / 1000;
      const done = share - (firstShare ?? 0);
      if (done > 0.02) return (elapsed / done) * (1 - share);
      const rest = whole(configuration);
      return rest === undefined ? undefined : Math.max(0, rest * (1 - share) - elapsed);
    });
    rests.push(...[...waiting].map(whole));
    if (rests.some((rest) => rest === undefined)) return undefined;
    const known = rests as number[];
    return Math.max(
      0,
      ...known.slice(0, running.size),
      known.reduce((sum, rest) => sum + rest, 0) / Math.max(1, capacity),
    );
  }

  function headline(): string {
    const rest = remainingSeconds();
    const left = finished + failed < total;
    return [
      `${finished} of ${total} runs finished`,
      `${running.size} running`,
      ...(elsewhere > 0 ? [`${elsewhere} running elsewhere`] : []),
      ...(failed > 0 ? [`${failed} failed`] : []),
      ...(left ? [rest === undefined ? 'time left not known yet' : `about ${formatDuration(rest)} left`] : []),
    ].join(', ');
  }

  function table(): string[] {
    const room = Math.max(1, (stream.rows ?? 24) - 3);
    const rows = [...running.values()]
      .slice(0, room)
      .map(({ configuration, started, where, state, attempt }) => [
        `  ${titleOf(configuration)}`,
        state,
        formatDuration((now() - started) / 1000),
        attempt > 1 ? `${where}, attempt ${attempt}` : where,
      ]);
    const more = running.size - rows.length;
    const lines = rows.length === 0 ? [] : alignColumns(rows, [2]).split('\n');
    return [headline(), ...lines, ...(more > 0 ? [`  and ${more} more`] : [])];
  }

  function erase(): void {
    if (drawn > 0) stream.write(`\r\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  }

  function draw(): void {
    timer = undefined;
    last = now();
    if (!terminal) {
      stream.write(`${headline()}\n`);
      return;
    }
    const width = (stream.columns ?? 80) - 1; // a line that wraps could not be erased
    const lines = table().map((line) => line.slice(0, width));
    erase();
    stream.write(`${lines.join('\n')}\n`);
    drawn = lines.length;
  }

  function update(): void {
    const interval = terminal ? updateMilliseconds : plainMilliseconds;
    const rest = last + interval - now();
    if (rest <= 0) {
      clearTimeout(timer);
      draw();
    } else if (terminal && timer === undefined) {
      timer = setTimeout(draw, rest);
      timer.unref();
    }
  }

  function note(text: string): void {
    erase();
    stream.write(`${text}\n`);
    if (terminal) update();
  }

  function onEvent(event: GridEvent<C>): void {
    if (event.kind === 'capacity') {
      capacity = event.capacity;
      if (event.note !== undefined) note(event.note);
    } else if (event.kind === 'waiting') elsewhere = event.elsewhere;
    else onRunEvent(event);
    update();
  }

  function onRunEvent(event: Exclude<GridEvent<C>, { kind: 'capacity' | 'waiting' }>): void {
    const { id, configuration } = event;
    const row = running.get(id);
    switch (event.kind) {
      case 'submitted':
        waiting.delete(configuration);
        running.set(id, {
          configuration,
          started: now(),
          where: '',
          state: 'waits for a machine',
          attempt: event.attempt,
          share: 0,
          firstShare: undefined,
        });
        return;
      case 'started':
        if (row !== undefined) Object.assign(row, { where: event.where, state: 'begins' });
        return;
      case 'progress':
        if (row === undefined) return;
        advance(row, event.progress);
        if (!terminal && event.progress.kind === 'epoch') note(`          ${titleOf(configuration)}: ${row.state}`);
        return;
      case 'finished':
        running.delete(id);
        finished++;
        spent.runs++;
        spent.seconds += event.seconds;
        spent.expected += expectedSeconds(configuration) ?? 0;
        note(`${progressMark()} finished  ${titleOf(configuration)}, ${formatDuration(event.seconds)}`);
        return;
      case 'finished elsewhere':
        running.delete(id);
        waiting.delete(configuration);
        finished++;
        note(`${progressMark()} finished elsewhere  ${titleOf(configuration)}`);
        return;
      case 'lost':
        note(`          lost      ${titleOf(configuration)}: ${event.message}; it is continued`);
        return;
      case 'failed': {
        running.delete(id);
        failed++;
        const { message, log, file } = event.failure;
        const tail = log
          .split('\n')
          .slice(-shownLogLines)
          .filter((line) => line !== '')
          .map((line) => `            ${line}\n`);
        const where = file === undefined ? '' : `            all of it: ${file}`;
        note(`          failed    ${titleOf(configuration)}: ${message}\n${tail.join('')}${where}`.trimEnd());
        return;
      }
      case 'stopped':
        running.delete(id);
        waiting.add(configuration);
    }
  }

  function progressMark(): string {
    return `${finished}/${total}`.padStart(9);
  }

  return {
    onEvent,
    note,
    close() {
      clearTimeout(timer);
      timer = undefined;
      erase();
    },
  };
}

function advance<C>(row: RunningRow<C>, progress: TrainingEvent): void {
  if (progress.kind === 'warning') return;
  if (progress.kind === 'batch') {
    const { epoch, epochs, step, steps, imagesPerSecond } = progress;
    const rate =
      imagesPerSecond === undefined ? '' : `, ${imagesPerSecond.toFixed(imagesPerSecond < 10 ? 1 : 0)} images/s`;
    row.share = (epoch - 1 + step / steps) / epochs;
    row.state = `epoch ${epoch} of ${epochs}, batch ${step} of ${steps}${rate}`;
  } else if (progress.kind === 'epoch') {
    const { epoch, epochs, row: history } = progress;
    row.share = epoch / epochs;
    row.state = `epoch ${epoch} of ${epochs} done${history.valAuc === undefined ? '' : `, val AUC ${history.valAuc.toFixed(4)}`}`;
  } else if (progress.kind === 'done') {
    row.share = 1;
    row.state = 'is tested';
  }
  row.firstShare ??= row.share;
}
