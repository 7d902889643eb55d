/** The project's charts: pure functions from data to a figure. `createFigure` makes any other. */
export { classBalance, type ClassBalance } from './balance-chart';
export { barComparison, type BarComparison, type BarSeries } from './bar-chart';
export { reliabilityDiagram, type CalibrationBin, type Reliability } from './calibration-chart';
export { confusionMatrix, type ConfusionMatrix } from './confusion-chart';
export { createFigure, type ChartOptions, type Figure, type FigureDisplay } from './figure';
export { lossCurves, type LossCurve, type LossCurves } from './loss-chart';
export { trainingHistories, trainingHistory, type TrainingHistory } from './history-chart';
export { lineComparison, type LineComparison, type LinePoint, type LineSeries } from './line-chart';
export { reliabilityCurves, type ReliabilityCurve, type ReliabilityCurves } from './reliability-curves';
export { rankChart, type RankChart } from './rank-chart';
export { scorePanels, type PanelSeries, type ScorePanel, type ScorePanels } from './score-panels';
