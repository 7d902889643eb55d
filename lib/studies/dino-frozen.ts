/**
 * The third part of the first study: DINOv2-S, trained without labels on LVD-142M, on BloodMNIST at 224 pixels: frozen under a linear head
 * with the settings of the second part. Its fine-tuning was commented out in the study ("slightly better than the frozen one").
 *
 * Published: test accuracy 0.9184, macro-F1 0.9047, of the last epoch's weights on images cut as ViT-Tiny's. Here besides: k nearest
 * neighbours and logistic regression on the same features, the fine-tuning, and what the patch tokens hold.
 */
import { dinoNotebook, dinoParameterSpecs, type TransferParameters } from './transfer-parameters';
import { openTransferStudy, type TransferStudy } from './transfer-study';

export const dinoStudy: TransferStudy = {
  notebook: dinoNotebook,
  model: 'vit_small_patch14_dinov2.lvd142m',
  // Ten patches a side: enough for maps that can be looked at.
  tourInputSize: 40,
  specs: dinoParameterSpecs,
  published: [
    {
      model: 'DINOv2-S',
      protocol: 'frozen',
      dataset: 'bloodmnist',
      size: 28,
      testAccuracy: 0.9184,
      testMacroF1: 0.9047,
    },
  ],
};

/**
 * Opens the study with a notebook's parameters.
 * @throws UserError for an unknown parameter, one out of range, or a network that cannot be used
 */
export function dinoFrozen(given: TransferParameters) {
  return openTransferStudy(dinoStudy, given);
}
