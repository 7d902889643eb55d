/** What a cell calls to open images with masks, and vision transformers as their encoders. */
import type { SegmentationDataset } from '../data/segmentation-dataset';
import { UserError } from '../errors';
import { interruptible } from '../interrupt';
import { openVit as openVitOf, withValues, type Encoder, type Vit, type VitRequest } from '../models/encoders';
import type { DenoisingRun } from '../runs/denoise';
import { openMaskData, type MaskDataChoice } from '../runs/mask-parameters';

/** Images and masks, decoded and resized once; then they are read where they lie. The stop button ends the decoding. */
export function openMasks(choice: MaskDataChoice): Promise<SegmentationDataset> {
  return interruptible((signal) => openMaskData(choice, { signal }));
}

/** A vision transformer with its weights; the stop button ends a download. */
export function openVit(request: VitRequest): Promise<Vit> {
  return interruptible((signal) => openVitOf({ ...request, signal }));
}

/**
 * The encoder with the weights that a pre-training gave it.
 * @throws UserError where the pre-training was stopped
 */
export function pretrained(encoder: Encoder, run: DenoisingRun | undefined): Encoder {
  if (run === undefined)
    throw new UserError(
      `${encoder.title} has not been pre-trained to the end: run that cell again, which continues it.`,
    );
  return withValues(encoder, run.values);
}
