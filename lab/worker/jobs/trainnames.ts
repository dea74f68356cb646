// What screen 8 can be set to. Imports nothing, so that the page may know it too.

export const networkNames = ['mlp', 'resnet'] as const;

export type NetworkName = (typeof networkNames)[number];

export const trainNorms = ['batch', 'group', 'instance', 'layer', 'none'] as const;

export type TrainNorm = (typeof trainNorms)[number];

/** Norms of each network, as PyTorch writes the first of its layers. InstanceNorm of a vector has one number a channel: all zeros. */
export const normTexts: Readonly<Record<NetworkName, Readonly<Partial<Record<TrainNorm, string>>>>> = {
  mlp: { batch: 'BatchNorm1d(64)', group: 'GroupNorm(4, 64)', layer: 'LayerNorm(64)', none: '' },
  resnet: {
    batch: 'BatchNorm2d(16)', group: 'GroupNorm(4, 16)', instance: 'InstanceNorm2d(16, affine=True)', layer: 'LayerNorm2d(16)', none: '',
  },
};

/** What the first norm of each network sees of one image. */
export const normShapes: Readonly<Record<NetworkName, readonly number[]>> = { mlp: [64], resnet: [16, 8, 8] };

export const batchSizes = [2, 4, 8, 16, 32, 64] as const;
export const epochCounts = [1, 2, 3, 6, 10, 20] as const;

/** One run: the same settings give the same bits. */
export interface TrainSettings {
  readonly network: NetworkName;
  readonly norm: TrainNorm;
  readonly batch: number;
  readonly epochs: number;
  /** For 32 images a step; in proportion for other batches. */
  readonly rate: number;
  readonly seed: number;
}

/** What one step takes: the rate grows with the batch. */
export function rateOf({ rate, batch }: Pick<TrainSettings, 'rate' | 'batch'>): number {
  return (rate * batch) / 32;
}
