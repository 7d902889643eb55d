import type { DatasetAdvice } from './registry-types';
import type { medmnist } from './registry-medmnist';

const kermany =
  'Kermany et al., Identifying Medical Diagnoses and Treatable Diseases by Image-Based Deep Learning. Cell 172, 1122–1131 (2018).';

const organs = {
  sourceCitation:
    'Bilic et al., The Liver Tumor Segmentation Benchmark (LiTS). Medical Image Analysis 84, 102680 (2023). ' +
    'Xu et al., Efficient Multiple Organ Localization in CT Image Using 3D Region Proposal Network. IEEE TMI 38, 1885–1898 (2019).',
  horizontalFlip: false,
  notes: [
    'Labels name a side (kidney, lung, femur): a mirrored image would carry a wrong label, so no horizontal flip.',
    'Several slices come from one organ of one scan, so images are not independent; the splits are by scan.',
    'OrganA, OrganC and OrganS are three views of the same scans, not three independent datasets.',
  ],
} as const;

/** What to know before training on each dataset. */
export const advice = {
  pathmnist: {
    sourceCitation:
      'Kather et al., Predicting survival from colorectal cancer histology slides using deep learning. PLOS Medicine 16, e1002730 (2019).',
    horizontalFlip: true,
    notes: ['The test split comes from another clinical centre: validation scores are higher than test scores.'],
  },
  chestmnist: {
    sourceCitation:
      'Wang et al., ChestX-ray8: Hospital-Scale Chest X-Ray Database and Benchmarks. CVPR, 3462–3471 (2017).',
    horizontalFlip: true,
    notes: [
      'An accuracy of 0.947 is what "no finding" for every image reaches: compare the area under the curve.',
      'Fourteen findings, each present or absent, text-mined from reports and therefore noisy.',
      'No label names a side, so a flip keeps them true; it does put the heart on the other side, and whether it helps is disputed.',
    ],
  },
  dermamnist: {
    sourceCitation:
      'Tschandl et al., The HAM10000 dataset. Scientific Data 5, 180161 (2018). Codella et al., Skin Lesion Analysis Toward Melanoma ' +
      'Detection 2018. arXiv:1902.03368 (2019).',
    horizontalFlip: true,
    notes: [
      'Images of one lesion occur in more than one split, which flatters every score (Abhishek et al., arXiv:2401.14497); the corrected ' +
        'sets DermaMNIST-C and DermaMNIST-E do not have this.',
      'Not for commercial use (CC BY-NC 4.0), unlike the other eleven.',
      'Two thirds of the images are melanocytic nevi: look at the macro F1 score as well.',
    ],
  },
  octmnist: {
    sourceCitation: kermany,
    horizontalFlip: true,
    notes: ['The test split is balanced, train and val are not: validation accuracy is higher than test accuracy.'],
  },
  pneumoniamnist: {
    sourceCitation: kermany,
    horizontalFlip: true,
    notes: [
      'Some source images are only 127 pixels high: there, 128 and 224 pixels add no information.',
      'A flip keeps the label true, but puts the heart on the other side.',
    ],
  },
  retinamnist: {
    sourceCitation:
      'Liu et al., DeepDRiD: Diabetic Retinopathy—Grading and Image Quality Estimation Challenge. Patterns 3, 100512 (2022).',
    horizontalFlip: true,
    notes: [
      'The five labels are ordered grades: report quadratic weighted kappa beside accuracy, which counts every wrong grade alike.',
      'Only 120 validation images choose the checkpoint, and 400 test it: runs differ a good deal by seed.',
    ],
  },
  breastmnist: {
    sourceCitation: 'Al-Dhabyani et al., Dataset of breast ultrasound images. Data in Brief 28, 104863 (2020).',
    horizontalFlip: true,
    notes: [
      'Label 0 is malignant and label 1 is normal or benign: the positive class of the area under the curve is the harmless one.',
      'The test split has 156 images, 42 of them malignant: runs differ a good deal by seed.',
    ],
  },
  bloodmnist: {
    sourceCitation:
      'Acevedo et al., A dataset of microscopic peripheral blood cell images for development of automatic recognition systems. ' +
      'Data in Brief 30, 105474 (2020).',
    horizontalFlip: true,
    notes: [
      'The source images of 360×363 pixels were cut to their central 200×200 and then resized: 224 pixels is a slight enlargement, and ' +
        'cropping the centre once more removes parts of cells.',
      'Normal cells of healthy donors only.',
    ],
  },
  tissuemnist: {
    sourceCitation:
      'Ljosa, Sokolnicki and Carpenter, Annotated high-throughput microscopy image sets for validation. Nature Methods 9, 637 (2012).',
    horizontalFlip: true,
    notes: [
      'The source images are 32×32 pixels (the maximum of seven slices): 64, 128 and 224 pixels add no information.',
      'The largest of the twelve, with 236,386 images.',
    ],
  },
  organamnist: organs,
  organcmnist: organs,
  organsmnist: organs,
} as const satisfies Readonly<Record<keyof typeof medmnist, DatasetAdvice>>;
