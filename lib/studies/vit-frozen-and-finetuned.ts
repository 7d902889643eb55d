/**
 * The second part of the first study: a ViT-Tiny with weights of ImageNet-21k on BloodMNIST, once frozen under a linear head, once trained
 * as a whole (AdamW 1e-3 with weight decay 1e-5 for everything, a cosine per epoch, batches of 128, 20 epochs).
 *
 * Published: frozen, test accuracy 0.8875 and macro-F1 0.8676; fine-tuned, 0.9611 and 0.9563; of the last epoch's weights, on images that
 * had been resized to 248 pixels and cut to 224. `corrected`: the whole image, the best epoch's weights, a recipe made for fine-tuning.
 */
import { vitNotebook, vitParameterSpecs, type TransferParameters } from './transfer-parameters';
import { openTransferStudy, type TransferStudy } from './transfer-study';

const onBloodmnist = { model: 'ViT-Tiny', dataset: 'bloodmnist', size: 28 } as const;

export const vitStudy: TransferStudy = {
  notebook: vitNotebook,
  model: 'vit_tiny_patch16_224.augreg_in21k',
  tourInputSize: 28,
  specs: vitParameterSpecs,
  published: [
    { ...onBloodmnist, protocol: 'frozen', testAccuracy: 0.8875, testMacroF1: 0.8676 },
    { ...onBloodmnist, protocol: 'fine-tuned', testAccuracy: 0.9611, testMacroF1: 0.9563 },
  ],
};

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter, one out of range, or a network that cannot be used
 */
export function vitFrozenAndFineTuned(given: TransferParameters) {
  return openTransferStudy(vitStudy, given);
}
