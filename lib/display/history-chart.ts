import { historyKey, mainMetric, type HistoryRow } from '../training/events';
import {
  createFigure,
  figureTitle,
  narrowHeader,
  narrowTitle,
  type ChartOptions,
  type FigureDisplay,
  type PlotTrace,
} from './figure';
import { emptyNote, epochAxis } from './epoch-axis';
import { formatPercent } from './format';
import { escapeLabel } from './html';
import { color, seriesStyle } from './theme';

/** What a training run leaves behind. A run that was stopped has fewer rows and may lack the rest. */
export interface TrainingHistory {
  readonly model: string;
  readonly history: readonly HistoryRow[];
  /** The epoch that was kept. Without it none is marked. */
  readonly bestEpoch?: number;
  /** With the weights of `epoch`; of the kept one by default. */
  readonly test?: { readonly accuracy: number; readonly macroF1: number; readonly epoch?: number };
}

/** Loss at the left and the training's metric at the right, per epoch, with the kept epoch and its scores; undefined of nothing. */
export function trainingHistory(run: TrainingHistory, options?: Partial<ChartOptions>): FigureDisplay;
export function trainingHistory(
  run: TrainingHistory | undefined,
  options?: Partial<ChartOptions>,
): FigureDisplay | undefined;
export function trainingHistory(
  run: TrainingHistory | undefined,
  options?: Partial<ChartOptions>,
): FigureDisplay | undefined {
  return run === undefined ? undefined : historyFigure([{ name: '', run }], options);
}

/** Several trainings in the same two panels, such as both arms, by their names; those that were stopped are left out. */
export function trainingHistories(
  runs: Readonly<Record<string, TrainingHistory | undefined>>,
  options?: Partial<ChartOptions>,
): FigureDisplay | undefined {
  const named = Object.entries(runs).flatMap(([name, run]) => (run === undefined ? [] : [{ name, run }]));
  return named.length === 0 ? undefined : historyFigure(named, options);
}

interface Named {
  /** Empty of a single one. */
  readonly name: string;
  readonly run: TrainingHistory;
}

function historyFigure(named: readonly Named[], options: Partial<ChartOptions> = {}): FigureDisplay {
  // A model that is called by its arm is not called so twice.
  const models = [...new Set(named.map(({ name, run }) => run.model.replace(` (${name})`, '')))].join(' and ');
  const { label = `Loss and accuracy of ${models} per epoch`, caption } = options;
  const title = `Training history: ${models}`;
  const [{ run: first }] = named;
  const metric = metricOf(first);
  const epochs = named.flatMap(({ run }) => run.history.map(({ epoch }) => epoch));
  const single = named.length === 1;
  const data = named.flatMap((one, at) => [
    ...splitTraces(one, { train: 'trainLoss', val: 'valLoss' }, { panel: '', at, single }),
    ...splitTraces(
      one,
      { train: historyKey('train', metric), val: historyKey('val', metric) },
      { panel: '2', at, single },
    ),
    ...bestTrace(one, { at, single }),
  ]);
  const names = data.filter(({ showlegend }) => showlegend !== false).map((trace) => String(trace.name));
  const notes = named.map(({ name, run }) => scoreNote(run, single ? '' : name));
  return createFigure({
    data,
    layout: {
      title: figureTitle(title),
      height: single ? 420 : 450,
      ...(single ? {} : { margin: { t: 110 } }),
      xaxis: { ...epochAxis(epochs), anchor: 'y', domain: [0, 0.46] },
      yaxis: {
        title: { text: metric === 'accuracy' ? 'Cross-entropy loss' : 'Loss' },
        anchor: 'x',
        rangemode: 'tozero',
      },
      xaxis2: { ...epochAxis(epochs), anchor: 'y2', domain: [0.54, 1] },
      yaxis2: { title: { text: metricTitle(metric) }, anchor: 'x2', range: [0, 1.05] },
      shapes: named.flatMap(({ run }, at) => bestLine(run, single ? color.best : seriesStyle(at).color)),
      annotations: epochs.length === 0 ? ['', '2'].map(emptyNote) : [],
    },
    narrowLayout: {
      title: figureTitle(title, narrowTitle),
      height: 590 + narrowHeader(title, names),
      margin: { l: 56, r: 12, t: 36 + narrowHeader(title, names), b: 48 },
      xaxis: { domain: [0, 1] },
      yaxis: { domain: [0.58, 1] },
      xaxis2: { domain: [0, 1] },
      yaxis2: { domain: [0, 0.44] },
    },
    label,
    caption: [caption, ...notes].filter((note) => note !== undefined).join(' ') || undefined,
    table: named.flatMap(({ name, run }) => run.history.map((row) => (single ? row : { training: name, ...row }))),
  });
}

interface TracePlace {
  readonly panel: '' | '2';
  /** Of the training among several. */
  readonly at: number;
  readonly single: boolean;
}

/** Of a single training, its splits differ in colour; of several, these do, and training is dotted. */
function splitTraces(
  { name, run: { history } }: Named,
  keys: { readonly train: string; readonly val: string },
  { panel, at, single }: TracePlace,
): PlotTrace[] {
  return (['train', 'val'] as const).map((split, index) => {
    const style = seriesStyle(single ? index : at);
    const dotted = split === 'train' && history.length > 1;
    return {
      type: 'scatter',
      mode: single || !dotted ? 'lines+markers' : 'lines',
      name: single ? splitNames[split] : escapeLabel(`${name}, ${splitNames[split].toLowerCase()}`),
      legendgroup: `${at} ${split}`,
      // Both panels share one legend.
      showlegend: panel === '',
      x: history.map((row) => row.epoch),
      y: history.map((row) => row[keys[split]]),
      xaxis: `x${panel}`,
      yaxis: `y${panel}`,
      line: { color: style.color, dash: single ? style.dash : dotted ? 'dot' : 'solid', width: 2 },
      marker: { color: style.color, symbol: style.symbol, size: history.length > 40 ? 4 : 6 },
      hovertemplate: `${single ? '' : `${escapeLabel(name)}, `}${split}, epoch %{x}: %{y:.4f}<extra></extra>`,
    };
  });
}

const splitNames = { train: 'Training', val: 'Validation' } as const;

/** What is drawn beside the loss. */
function metricOf({ history }: TrainingHistory): string {
  return (history.length === 0 ? undefined : mainMetric(history[0])) ?? 'accuracy';
}

function metricTitle(metric: string): string {
  return metric === 'auc' ? 'AUC' : metric[0].toUpperCase() + metric.slice(1);
}

function bestRow({ history, bestEpoch }: TrainingHistory): HistoryRow | undefined {
  return history.find((row) => row.epoch === bestEpoch);
}

function bestTrace({ run, name }: Named, { at, single }: Pick<TracePlace, 'at' | 'single'>): PlotTrace[] {
  const best = bestRow(run);
  if (best === undefined) return [];
  const own = single ? color.best : seriesStyle(at).color;
  return [
    {
      type: 'scatter',
      mode: 'markers',
      name: `Best validation epoch${single ? '' : `, ${escapeLabel(name)}`}`,
      showlegend: single,
      x: [best.epoch],
      y: [best[historyKey('val', metricOf(run))]],
      xaxis: 'x2',
      yaxis: 'y2',
      marker: { symbol: 'star', size: 17, color: own, line: { color: color.paper, width: 1 } },
      hovertemplate: 'best, epoch %{x}: %{y:.4f}<extra></extra>',
    },
  ];
}

function bestLine(run: TrainingHistory, ownColor: string): object[] {
  const best = bestRow(run);
  if (best === undefined) return [];
  const line = { color: ownColor, dash: 'dash', width: 1.5 };
  return [
    { type: 'line', xref: 'x2', yref: 'y2 domain', x0: best.epoch, x1: best.epoch, y0: 0, y1: 1, layer: 'below', line },
  ];
}

/** The scores, for the caption: in the figure they would hide a part of it. */
function scoreNote(run: TrainingHistory, name: string): string | undefined {
  const best = bestRow(run);
  const metric = metricOf(run);
  const epoch = run.test?.epoch ?? best?.epoch;
  const tested = epoch === best?.epoch ? '' : `, with the weights of epoch ${epoch}`;
  const parts = [
    best &&
      `Kept is epoch ${best.epoch}, with the best validation ${metric === 'auc' ? 'AUC' : metric}: ${formatPercent(best[historyKey('val', metric)])}.`,
    run.test &&
      `On the test images${tested}: accuracy ${formatPercent(run.test.accuracy)}, macro-F1 ${formatPercent(run.test.macroF1)}.`,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  return `${name === '' ? '' : `${name[0].toUpperCase()}${name.slice(1)}: `}${parts.join(' ')}`;
}
