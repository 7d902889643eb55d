/** Which encoders a run's parameters name. */
import { UserError } from '../../errors';
import { checkEncoder } from './encoders';
import { encodersOfStudy, type Dinov3EncoderName } from './encoder-names';
import { automaticEncoders, type Dinov3Parameters } from './parameters';

/** As published, cut off after block 11, the large one is the same network as the other: its width is the same. */
const namesOfTour = ['dinov3_tour_b', 'dinov3_tour_l'] as const satisfies readonly Dinov3EncoderName[];

/** @throws UserError for names that are none, and for weights or a size that do not fit one of them */
export function encodersOf({
  encoders,
  profile,
  weights,
  imageSize,
}: Pick<Dinov3Parameters, 'encoders' | 'profile' | 'weights' | 'imageSize'>): Dinov3EncoderName[] {
  // prettier-ignore
  const automatic = profile === 'tour' && weights === 'random' ? namesOfTour : encodersOfStudy; // prettier-ignore
  const names =
    encoders === automaticEncoders ? automatic : [...new Set(encoders.split(',').map((name) => name.trim()))];
  if (names.length > 1 && weights.endsWith('.safetensors') && !weights.includes('{encoder}'))
    throw new UserError(`weights is ${weights}, but there are ${names.length} encoders: give one of them in encoders, or {encoder} in the path for its name.`); // prettier-ignore
  return names.map((name) => checkEncoder({ name, weights, imageSize }));
}
