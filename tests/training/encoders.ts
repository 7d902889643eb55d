/** A small vision transformer with random weights and networks on it. Not a test. */
import type { Normalization } from '../../lib/data/normalization';
import { endToEnd, frozen, segmentationDecoder, type Decoder } from '../../lib/models/encoder-networks';
import { lastMap, openVit, type Encoder, type Vit } from '../../lib/models/encoders';
import type { Network } from '../../lib/models/network';
import { vitConfigs } from '../../lib/models/vit';
import { side } from './toy-segmentation';

export const toyNormalization: Normalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.3, 0.4] };

/** Of 2×2 patches on toy images, so that four doublings of a decoder give 16×16 places on a map of one. */
export function openToyVit({ depth = 2, seed = 1, patchSize = 16 } = {}): Promise<Vit> {
  const architecture = { ...vitConfigs.vit_tiny_patch16_224, width: 12, heads: 3, depth, patchSize };
  return openVit({
    name: 'toy',
    title: 'toy ViT',
    architecture,
    normalization: toyNormalization,
    weights: 'random',
    imageSize: side,
    seed,
  });
}

export async function toyNetworks(): Promise<{ encoder: Encoder; decoder: Decoder; frozen: Network; whole: Network }> {
  const encoder = lastMap(await openToyVit());
  const decoder = segmentationDecoder(encoder, { widths: [8, 6, 4, 4] });
  return { encoder, decoder, frozen: frozen(encoder, decoder), whole: endToEnd(encoder, decoder) };
}
