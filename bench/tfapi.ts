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
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  softmax(x: TfTensor): TfTensor;
  scalar(value: number): TfTensor;
  add(a: TfTensor, b: TfTensor): TfTensor;
  mul(a: TfTensor, b: TfTensor): TfTensor;
  erf(x: TfTensor): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor, axes: readonly number[]): TfTensor;
  /** The parts along the first axis. */
  unstack(x: TfTensor): TfTensor[];
  /** Of (N, H, W, C) with a kernel (height, width, C, 1). */
  depthwiseConv2d(x: TfTensor, kernel: TfTensor, strides: number, pad: 'same'): TfTensor;
  /** One of its layers, made at the first call with these weights. */
  layer(name: 'layerNormalization', options: object, weights: readonly TfTensor[], x: TfTensor): TfTensor;
}

export type TfFunction = (tf: Tf, ...inputs: TfTensor[]) => TfTensor;
