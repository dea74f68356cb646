// Public entry of 'evenkeel/fold': norms into the layers beside them, for inference.

export type { FoldKind } from './arithmetic.js';
export type { FoldedPair } from './verify.js';
