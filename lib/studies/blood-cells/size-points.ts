/** The points of the resolution study: each source size with each way of making a network's input of it. */
import type { Dataset } from '../../data/dataset';
import type { Displayable } from '../../display/mime';
import type { ImageTransform } from '../../models/network';
import type { OpenedBackbone } from '../../models/open-backbone';
import type { RecordedData } from '../../runs/notebook-run';
import { armTitle, type Arm } from '../../runs/arms';
import { input } from '../../training/input-transforms';
import { inputImages } from '../../workbench/input-images';
import type { SizedData } from '../../data/sizes';

/** How an image of some source size becomes a network's input. */
export type InputMode = 'native' | 'resized' | 'zero-padded';

export interface SizePoint<B extends OpenedBackbone | undefined> {
  /** For figures, such as `28 px, resized`. */
  readonly title: string;
  readonly data: Dataset;
  readonly input: ImageTransform;
  /** The network that the input is for, where there is one already. */
  readonly backbone: B;
  /** Whose weights the arm tests. */
  readonly tested: 'best' | 'last';
  /** What rows say of it, and what they are filed under: all sizes together. */
  readonly recording: { readonly arm: Arm; readonly settings: SizeSettings; readonly recordedAs: RecordedData };
}

export interface SizeSettings extends Readonly<Record<string, string | number>> {
  readonly sourceSize: number;
  readonly inputMode: InputMode;
  readonly inputSize: number;
}

export interface SizePointOptions<B extends OpenedBackbone | undefined> {
  /** In this order; what would give the same images as one before is left out. */
  readonly modes: readonly InputMode[];
  /** Pixels a side of the input but for native ones, where there is no backbone. */
  readonly size?: number;
  readonly backbone?: B;
  /** As published, the margin of what is enlarged is cut away, and the last epoch's weights are tested. */
  readonly arm?: Arm;
}

/** Sizes and modes. */
export function sizePoints<B extends OpenedBackbone | undefined = undefined>(
  { sizes, bySize, all }: SizedData,
  { modes, size = 224, backbone, arm = 'corrected' }: SizePointOptions<B>,
): SizePoint<B>[] {
  const inputSize = backbone?.inputSize.height ?? size;
  return sizes.flatMap((source) =>
    modes
      .filter((_, index) => index === 0 || source !== inputSize)
      .map((mode) => {
        const used = mode === 'native' ? source : inputSize;
        const asMode = mode === 'zero-padded' ? mode : 'resized';
        const crop = arm === 'as-published' && backbone !== undefined && mode === 'resized' ? 0.9 : 1;
        return {
          title: `${source} px, ${mode}${arm === 'corrected' ? '' : `, ${armTitle(arm)}`}`,
          data: bySize.get(source) as Dataset,
          input: input(backbone === undefined ? { size: used, mode: asMode } : { backbone, mode: asMode, crop }),
          backbone: backbone as B,
          tested: arm === 'corrected' ? 'best' : 'last',
          recording: { arm, settings: { sourceSize: source, inputMode: mode, inputSize: used }, recordedAs: all },
        };
      }),
  );
}

/** The same cells at each source size, enlarged and on black, as networks with an input of `size` pixels get them. */
export function sizeImages(data: SizedData, { size }: { readonly size: number }): Promise<Displayable> {
  const points = sizePoints(data, { modes: ['resized', 'zero-padded'], size });
  const shown = points.map(({ recording: { settings }, ...point }) => {
    const title = settings.sourceSize === size ? `${size}, as it is` : `${settings.sourceSize}, ${settings.inputMode}`;
    return { ...point, title };
  });
  return inputImages(shown, {
    caption: `The same cells at each source size, as input of ${size}×${size} pixels`,
    count: 5,
  });
}
