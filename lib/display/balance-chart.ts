import { createFigure, figureTitle, type ChartOptions, type FigureDisplay, type PlotTrace } from './figure';
import { formatNumber } from './format';
import { escapeLabel, wrapText } from './html';
import { hatching, seriesStyle } from './theme';

export interface ClassBalance {
  readonly classNames: readonly string[];
  /** Images of each class, split by split. */
  readonly counts: {
    readonly train: readonly number[];
    readonly val: readonly number[];
    readonly test: readonly number[];
  };
  readonly title?: string;
}

/** How many images of each class the splits hold. */
export function classBalance(
  { classNames, counts, title }: ClassBalance,
  { label, caption }: ChartOptions,
): FigureDisplay {
  const splits = ['train', 'val', 'test'] as const;
  return createFigure({
    data: splits.map((split, index): PlotTrace => {
      const style = seriesStyle(index);
      return {
        type: 'bar',
        orientation: 'h',
        name: split,
        x: counts[split],
        y: classNames.map((_, at) => at),
        text: counts[split].map((count) => formatNumber(count)),
        textposition: 'outside',
        cliponaxis: false,
        marker: {
          color: style.color,
          pattern: hatching(style.pattern),
        },
        hovertext: classNames.map((name) => escapeLabel(name)),
        hovertemplate: `%{hovertext}, ${split}: %{x} images<extra></extra>`,
      };
    }),
    layout: {
      title: figureTitle(title ?? 'Images per class'),
      height: 130 + classNames.length * 56,
      margin: { r: 48 },
      barmode: 'group',
      bargap: 0.2,
      xaxis: { title: { text: 'Images' }, rangemode: 'tozero', nticks: 5, tickangle: 0 },
      yaxis: { ...namedRows(classNames), autorange: 'reversed', showgrid: false, zeroline: false },
    },
    width: { most: 760 },
    label,
    caption,
    table: classNames.map((name, at) => ({
      Class: name,
      train: counts.train[at],
      val: counts.val[at],
      test: counts.test[at],
    })),
  });
}

function namedRows(names: readonly string[]): object {
  const text = names.map((name) => wrapText(name, 22).map(escapeLabel).join('<br>'));
  return { tickmode: 'array', tickvals: text.map((_, index) => index), ticktext: text };
}
