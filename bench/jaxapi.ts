// What rows use of jax-js, as its documentation has it. Imports nothing.

/** An array of jax-js: an operation consumes its operands, and `ref` keeps one for another use. */
export interface JaxArray {
  readonly ref: JaxArray;
  add(other: JaxArray | number): JaxArray;
  sub(other: JaxArray): JaxArray;
  mul(other: JaxArray | number): JaxArray;
  div(other: JaxArray): JaxArray;
  reshape(shape: readonly number[]): JaxArray;
  transpose(axes: readonly number[]): JaxArray;
  blockUntilReady(): Promise<JaxArray>;
  data(): Promise<Float32Array>;
  dispose(): void;
}

type Axis = number | readonly number[];

/** The names of jax-js that rows use. */
export interface Jax {
  readonly nn: {
    standardize(x: JaxArray, axis: Axis, options: { epsilon: number }): JaxArray;
    gelu(x: JaxArray, options: { approximate: boolean }): JaxArray;
    softmax(x: JaxArray, axis: Axis): JaxArray;
  };
  readonly numpy: {
    array(values: Float32Array, options: { shape: readonly number[] }): JaxArray;
    mean(x: JaxArray, axis: Axis, options: { keepdims: boolean }): JaxArray;
    sqrt(x: JaxArray): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    /** The parts along the first axis. */
    unstack(x: JaxArray): JaxArray[];
  };
  readonly lax: {
    convGeneralDilated(
      x: JaxArray,
      w: JaxArray,
      strides: readonly number[],
      padding: readonly (readonly number[])[],
      options: { featureGroupCount: number },
    ): JaxArray;
  };
}

export type JaxFunction = (jax: Jax, ...inputs: JaxArray[]) => JaxArray;
