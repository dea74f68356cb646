// A sentence that PyTorch complains with, and what it means. May import finding.

import type { Finding } from './finding.js';

/** Where an error came from, as far as its traceback tells. */
export interface Origin {
  /** The file of torch.nn.modules that raised it: `batchnorm`, `instancenorm`, `normalization`. */
  readonly module: string | null;
  /** The function of torch.nn.functional that did, also where it was called without a layer: `instance_norm`. */
  readonly op: string | null;
}

/** A sentence that is recognized, and what it means. */
export interface Complaint {
  /** Begins with a word of its own, and has no two repetitions that can match the same text. */
  readonly sentence: RegExp;
  /** What the groups of the sentence say. */
  readonly find: (groups: readonly string[], origin: Origin) => Finding;
}

/** `2, 3` as a shape; a comma may be lost. */
export function sizesIn(list: string): number[] {
  return (list.match(/\d+/g) ?? []).map(Number);
}
