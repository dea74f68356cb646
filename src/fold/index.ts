// Public entry of 'evenkeel/fold': norms into the layers beside them, for inference.

export { foldOnnx, type FoldedOnnx } from './onnx.js';
export { foldState, type FoldedState, type FoldStateOptions } from './state.js';
export type { FoldKind } from './arithmetic.js';
export type { KeptNorm } from './candidate.js';
export type { NamedPair } from './named.js';
export type { FoldedPair } from './verify.js';
