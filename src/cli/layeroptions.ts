// The options that say more of a layer or pattern, and which of them each layer takes. May import evenkeel.

import type { Statistics } from 'evenkeel';
import type { LayerName } from './layernames.js';

/** What is given of them; null where one is not. */
export interface LayerOptions {
  readonly groups: number | null;
  readonly 'normalized-shape': readonly number[] | null;
  readonly size: number | null;
  readonly eps: number | null;
  readonly statistics: Statistics | null;
  /** Of a pattern's factors. */
  readonly sizes: Readonly<Record<string, number>>;
}

export const layerOptions = ['groups', 'normalized-shape', 'size', 'eps', 'statistics'] as const;

export type LayerOption = (typeof layerOptions)[number];

/** Those of each layer. */
export const taken = {
  'layer-norm': ['normalized-shape', 'eps'],
  'layer-norm-2d': ['eps'],
  'rms-norm': ['normalized-shape', 'eps'],
  'group-norm': ['groups', 'eps'],
  'batch-norm': ['eps'],
  'instance-norm': ['eps'],
  'local-response-norm': ['size'],
} as const satisfies Readonly<Record<LayerName, readonly LayerOption[]>>;

/** Those of patterns. */
export const takenByPatterns = ['eps', 'statistics'] as const satisfies readonly LayerOption[];
