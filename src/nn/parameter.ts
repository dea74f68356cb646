// The tensors that belong to a module: learned ones and others. May import tensor.

import { Tensor } from '../tensor.js';

/**
 * A tensor that a Module learns: assigned to a property, it is in `parameters()` and in the state dict.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Parameter.html
 * @example
 * new Parameter(ones([4])).requiresGrad; // true
 */
export class Parameter extends Tensor {
  /** No plain tensor passes for a parameter: assigned to its property, it would drop out of the state. */
  protected declare readonly brand: 'parameter';

  constructor(data: Tensor, { requiresGrad = true }: { readonly requiresGrad?: boolean } = {}) {
    super(data.shape, data.storage);
    this.requiresGrad = requiresGrad;
  }
}

/**
 * A tensor that belongs to a module's state and is not learned, as running statistics: assigned to a property, it is in
 * `buffers()` and in the state dict.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.parameter.Buffer.html
 * @example
 * new Buffer(zeros([4])).requiresGrad; // false
 */
export class Buffer extends Tensor {
  protected declare readonly brand: 'buffer';

  constructor(data: Tensor) {
    super(data.shape, data.storage);
  }
}

/** A parameter that takes over a tensor made for it: that one's own handle goes. */
export function parameterOf(made: Tensor, options?: { readonly requiresGrad?: boolean }): Parameter {
  const parameter = new Parameter(made, options);
  made.dispose();
  return parameter;
}

/** A buffer that takes over a tensor made for it: that one's own handle goes. */
export function bufferOf(made: Tensor): Buffer {
  const buffer = new Buffer(made);
  made.dispose();
  return buffer;
}
