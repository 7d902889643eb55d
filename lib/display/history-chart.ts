import { historyKey, mainMetric, type HistoryRow } from '../training/events';
import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { epochAxis } from './epoch-axis';
import { formatPercent } from './format';
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
  { label = `Loss and accuracy of ${run?.model} per epoch`, caption }: Partial<ChartOptions> = {},
): FigureDisplay | undefined {
  if (run === undefined) return undefined;
  const title = `Training history: ${run.model}`;
  const metric = metricOf(run);
  return createFigure({
    data: [
      ...splitTraces(run.history, { train: 'trainLoss', val: 'valLoss' }, ''),
      ...splitTraces(run.history, { train: historyKey('train', metric), val: historyKey('val', metric) }, '2'),
      ...bestTrace(run),
    ],
    layout: {
      title: figureTitle(title),
      height: 420,
      xaxis: { ...epochAxis(run.history.map(({ epoch }) => epoch)), anchor: 'y', domain: [0, 0.46] },
      yaxis: {
        title: { text: metric === 'accuracy' ? 'Cross-entropy loss' : 'Loss' },
        anchor: 'x',
        rangemode: 'tozero',
      },
      xaxis2: { ...epochAxis(run.history.map(({ epoch }) => epoch)), anchor: 'y2', domain: [0.54, 1] },
      yaxis2: { title: { text: metricTitle(metric) }, anchor: 'x2', range: [0, 1.05] },
      shapes: bestLine(run),
      annotations: run.history.length === 0 ? emptyNotes : [],
    },
    narrowLayout: {
      title: figureTitle(title, 34),
      height: 680,
      margin: { l: 56, r: 12, t: 126, b: 48 },
      xaxis: { domain: [0, 1] },
      yaxis: { domain: [0.58, 1] },
      xaxis2: { domain: [0, 1] },
      yaxis2: { domain: [0, 0.44] },
    },
    label,
    caption: [caption, scoreNote(run)].filter((note) => note !== undefined).join(' ') || undefined,
    table: run.history,
  });
}

function splitTraces(
  history: readonly HistoryRow[],
  keys: { readonly train: string; readonly val: string },
  panel: '' | '2',
): PlotTrace[] {
  return (['train', 'val'] as const).map((split, index) => {
    const style = seriesStyle(index);
    return {
      type: 'scatter',
      mode: 'lines+markers',
      name: split === 'train' ? 'Training' : 'Validation',
      legendgroup: split,
      // Both panels share one legend.
      showlegend: panel === '',
      x: history.map((row) => row.epoch),
      y: history.map((row) => row[keys[split]]),
      xaxis: `x${panel}`,
      yaxis: `y${panel}`,
      line: { color: style.color, dash: style.dash, width: 2 },
      marker: { color: style.color, symbol: style.symbol, size: history.length > 40 ? 4 : 6 },
      hovertemplate: `${split}, epoch %{x}: %{y:.4f}<extra></extra>`,
    };
  });
}

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

function bestTrace(run: TrainingHistory): PlotTrace[] {
  const best = bestRow(run);
  if (best === undefined) return [];
  return [
    {
      type: 'scatter',
      mode: 'markers',
      name: 'Best validation epoch',
      x: [best.epoch],
      y: [best[historyKey('val', metricOf(run))]],
      xaxis: 'x2',
      yaxis: 'y2',
      marker: { symbol: 'star', size: 17, color: color.best, line: { color: color.paper, width: 1 } },
      hovertemplate: 'best, epoch %{x}: %{y:.4f}<extra></extra>',
    },
  ];
}

function bestLine(run: TrainingHistory): object[] {
  const best = bestRow(run);
  if (best === undefined) return [];
  const line = { color: color.best, dash: 'dash', width: 1.5 };
  return [
    { type: 'line', xref: 'x2', yref: 'y2 domain', x0: best.epoch, x1: best.epoch, y0: 0, y1: 1, layer: 'below', line },
  ];
}

const emptyNotes = ['', '2'].map((panel) => ({
  text: 'No epoch was finished.',
  showarrow: false,
  ...{ xref: `x${panel} domain`, yref: `y${panel} domain`, x: 0.5, y: 0.5 },
}));

/** The scores, for the caption: in the figure they would hide a part of it. */
function scoreNote(run: TrainingHistory): string | undefined {
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
  return parts.length === 0 ? undefined : parts.join(' ');
}
