/** Where in an image a convolutional network sees a class: Grad-CAM (Selvaraju et al. 2017), scaled as pytorch-grad-cam does. */
import { UserError } from '../errors';
import { createScope, type Observer, type Scope } from '../models/scope';
import { tf, type Scalar, type Tensor, type Tensor2D, type Tensor4D } from '../tf';
import { valueAndGradients } from './backward';

export interface GradCamRequest {
  /** images: N×H×W×3, normalised → logits N×classes. */
  forward(images: Tensor4D, scope: Scope): Tensor2D;
  /** In memory layout, as `readParameters` gives them. */
  readonly values: ReadonlyMap<string, Tensor>;
  /** Whose output is looked at, such as `layer4`: one that the network reports by `observe`. */
  readonly layer: string;
  /** The class of each image; where there is none, the network's likeliest of each. */
  readonly classIndex?: number;
}

export interface GradCamMaps {
  /** N × H × W in [0, 1] at the images' size: what speaks for the class, relative to each image's own strongest place. */
  readonly maps: Float32Array;
  /** Of each image, the class that it is a map of. */
  readonly classes: Int32Array;
}

/**
 * The maps of a batch: the layer's channels, each weighted by the mean over positions of the class's gradient, summed, the negative cut
 * off, spread to [0, 1] and enlarged bilinearly.
 * @throws UserError for a layer that the network has not, with those that it has, and for a class that it has not
 */
export function gradCamMaps(images: Tensor4D, { forward, values, layer, classIndex }: GradCamRequest): GradCamMaps {
  let result: GradCamMaps | undefined;
  tf.tidy(() => {
    const [, height, width] = images.shape;
    const seen: string[] = [];
    // Filled while the network runs; gradients are taken of what is in it then.
    const observed: Tensor4D[] = [];
    const observe: Observer = (name, output) => {
      seen.push(name);
      if (name === layer) observed.push(tf.keep(output.clone()));
      return name === layer ? observed[0] : output;
    };
    const scope = createScope(values, false, { observe });
    let chosen: Tensor | undefined;
    try {
      const { gradients } = valueAndGradients(() => {
        const logits = forward(images, scope);
        if (observed.length === 0) throw unknownLayer(layer, seen);
        const classes = logits.shape[1];
        if (classIndex !== undefined && !(Number.isInteger(classIndex) && classIndex >= 0 && classIndex < classes))
          throw new UserError(`classIndex is ${classIndex}, but must be a whole number from 0 to ${classes - 1}.`);
        chosen = tf.keep(classIndex === undefined ? logits.argMax(1) : tf.fill([logits.shape[0]], classIndex, 'int32'));
        return logits.mul(tf.oneHot(chosen as Tensor2D, classes)).sum<Scalar>();
      }, observed);
      const weights = gradients[0].mean([1, 2], true); // N×1×1×C
      const cam = observed[0].mul(weights).sum<Tensor>(3, true).relu<Tensor4D>(); // N×h×w×1
      const enlarged = tf.image.resizeBilinear(spread(cam), [height, width], false, true);
      result = {
        maps: spread(enlarged).dataSync<'float32'>(),
        classes: Int32Array.from((chosen as Tensor).dataSync()),
      };
    } finally {
      tf.dispose([...observed, ...(chosen ? [chosen] : [])]);
    }
  });
  return result as unknown as GradCamMaps;
}

/** Each image's values from its smallest to its largest as 0 to 1. */
function spread(maps: Tensor4D): Tensor4D {
  const above = maps.sub<Tensor4D>(maps.min([1, 2], true));
  return above.div(above.max([1, 2], true).add(1e-7));
}

function unknownLayer(layer: string, seen: readonly string[]): UserError {
  return new UserError(
    seen.length === 0
      ? `The network has no convolutional layers to look at: for a vision transformer there is attentionRollout.`
      : `There is no layer "${layer}": choose ${seen.join(', ')}.`,
  );
}
