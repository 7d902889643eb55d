/** What a cell shows of how far a classifier's probabilities can be believed. */
import { reliabilityCurves } from '../display/reliability-curves';
import type { Displayable } from '../display/mime';
import { table } from '../display/tables';
import {
  brierScore,
  classwiseCalibrationError,
  expectedCalibrationError,
  reliabilityBins,
  type Forecast,
} from '../metrics/calibration';
import { crossEntropy } from '../metrics/classification';
import { probabilitiesOf } from '../metrics/scores';
import { fitTemperature, scaleLogits } from '../metrics/temperature';
import type { Dataset } from '../data/dataset';
import { counted } from '../data/file-facts';
import type { ClassifierEvaluation } from '../runs/evaluate';

type Scored = ClassifierEvaluation & { readonly data: Dataset };

/** What is said of a forecast. */
export interface CalibrationRow {
  readonly probabilities: string;
  readonly temperature: number;
  /** Expected calibration error, of the predicted class, and in the mean over all classes. */
  readonly ece: number;
  readonly classwiseEce: number;
  readonly brier: number;
  /** In nats. */
  readonly logLoss: number;
}

/**
 * Reliability diagram and calibration errors of a classifier on the test images, as it is and with all logits divided by the temperature
 * that is best on the validation images (Guo et al. 2017). Undefined of a training that was stopped.
 */
export function calibration(test: Scored | undefined, validation: Scored | undefined): Displayable | undefined {
  if (test === undefined || validation === undefined) return undefined;
  const { before, after } = calibratedForecasts(test, validation);
  const forecasts = [before, ...(after === undefined ? [] : [after])];
  const isTop = !['multi-label', 'binary-class'].includes(test.data.task);
  const label = `Reliability of ${test.model} on the ${counted(test.images, `${test.split} image`)}`;
  const diagram = reliabilityCurves(
    {
      title: label,
      panels: [
        { title: '', curves: forecasts.map(({ name, forecast }) => ({ name, bins: reliabilityBins(forecast) })) },
      ],
      confidenceTitle: isTop ? 'Probability of the predicted class' : 'Probability',
      accuracyTitle: isTop ? 'Share that is right' : 'Share that has the label',
    },
    { label },
  );
  const rows = table(forecasts.map(calibrationRow), {
    caption:
      after === undefined
        ? 'Calibration. No temperature is best: the validation images are told apart without an error'
        : 'Calibration on the test images, with the temperature of the validation images',
    digits: 4,
    headings: { ece: 'ECE', classwiseEce: 'ECE, mean over classes', logLoss: 'Log loss' },
    highlight: { ece: 'lowest', classwiseEce: 'lowest', brier: 'lowest', logLoss: 'lowest' },
  });
  return { html: diagram.html + rows.html, text: `${diagram.text}\n${rows.text}` };
}

interface NamedForecast {
  readonly name: string;
  readonly temperature: number;
  readonly forecast: Forecast;
}

/** `after` is undefined where no temperature is the best. */
export function calibratedForecasts(
  test: Scored,
  validation: Scored,
): { readonly before: NamedForecast; readonly after: NamedForecast | undefined } {
  const { task, classNames } = test.data;
  const classes = classNames.length;
  const truthOf = ({ data, split }: Scored): Int32Array => data.splits[split].labels;
  const { temperature, atBound } = fitTemperature({
    logits: logitsOf(validation),
    truth: truthOf(validation),
    classes: task === 'multi-label' ? 1 : classes,
  });
  const forecast = (probabilities: Float64Array): Forecast => ({ task, truth: truthOf(test), classes, probabilities });
  const scaled = forecast(probabilitiesOf(task, scaleLogits(logitsOf(test), temperature), classes));
  return {
    before: { name: 'as they are', temperature: 1, forecast: forecast(test.probabilities) },
    after: atBound ? undefined : { name: 'with the temperature', temperature, forecast: scaled },
  };
}

function calibrationRow({ name, temperature, forecast }: NamedForecast): CalibrationRow {
  return {
    probabilities: name,
    temperature,
    ece: expectedCalibrationError(forecast),
    classwiseEce: classwiseCalibrationError(forecast),
    brier: brierScore(forecast),
    logLoss: crossEntropy({ ...forecast, scores: forecast.probabilities }),
  };
}

/** Logits up to what a softmax does not see; the smallest number stands for a probability of 0. */
function logitsOf({ data, probabilities }: Scored): Float64Array {
  const log = (value: number): number => Math.log(Math.max(value, Number.MIN_VALUE));
  return data.task === 'multi-label'
    ? probabilities.map((value) => log(value) - log(1 - value))
    : probabilities.map(log);
}
