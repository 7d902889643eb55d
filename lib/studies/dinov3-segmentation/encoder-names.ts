/** What the encoders of the fourth study are called, apart from what they are: a command that only reads parameters loads no network. */

/** Meta's names. */
export const encodersOfStudy = ['dinov3_vits16', 'dinov3_vitb16', 'dinov3_vitl16'] as const;
/** Small networks that stand in for them. */
export const encodersOfTour = ['dinov3_tour_s', 'dinov3_tour_b', 'dinov3_tour_l'] as const;

/** The project's own network with its embedded weights, and without them. */
export const ownEncoders = ['vit_mini_patch4', 'vit_mini_random'] as const;

export const dinov3EncoderNames = [...encodersOfStudy, ...encodersOfTour, ...ownEncoders] as const;
export type Dinov3EncoderName = (typeof dinov3EncoderNames)[number];

/** Stands for the three encoders of the study, with embedded weights for the project's own, or for two of the small ones in the tour with random weights. */
export const automaticEncoders = 'auto';
