// What rows use of TensorFlow.js, as its documentation has it. Imports nothing.

/** A tensor of TensorFlow.js, as far as the rows look at it. */
export interface TfTensor {
  readonly shape: readonly number[];
  dataSync(): Float32Array;
  dispose(): void;
}

/** The names of TensorFlow.js that rows use. */
export interface Tf {
  tensor(values: Float32Array, shape: readonly number[]): TfTensor;
  tidy<T>(run: () => T): T;
  moments(x: TfTensor, axes: readonly number[]): { mean: TfTensor; variance: TfTensor };
  batchNorm(x: TfTensor, mean: TfTensor, variance: TfTensor, b: TfTensor, w: TfTensor, eps: number): TfTensor;
  matMul(a: TfTensor, b: TfTensor): TfTensor;
  softmax(x: TfTensor): TfTensor;
  /** One of its layers, made at the row's first call. */
  layer(name: 'layerNormalization', options: object, weights: readonly TfTensor[], x: TfTensor): TfTensor;
}

export type TfFunction = (tf: Tf, ...inputs: TfTensor[]) => TfTensor;
