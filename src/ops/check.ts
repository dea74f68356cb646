// What operations check before they run. May import errors, kernels and tensor.

import { KeelError, showGiven, showShape } from '../errors.js';
import { sameShape, Tensor } from '../tensor.js';

/** A dimension counted from the start; refuses one out of range with PyTorch's words. */
export function dimension(dim: number, rank: number): number {
  const limit = Math.max(rank, 1);
  if (!Number.isInteger(dim) || dim < -limit || dim >= limit) {
    throw new KeelError(
      'dimension',
      `Dimension out of range (expected to be in range of [${-limit}, ${limit - 1}], but got ${dim})`,
      { dim, rank },
    );
  }
  return dim < 0 ? dim + limit : dim;
}

/** Refuses options that are no object, such as what stands there in PyTorch, and names that the function does not have. */
export function checkOptions(owner: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options) || options instanceof Tensor) {
    const message = `${owner} takes its options as an object of ${known.join(', ')}; got ${showGiven(options)}`;
    throw new KeelError('argument', message, { options });
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new KeelError('argument', `${owner} has no option ${unknown}: choose from ${known.join(', ')}`, { option: unknown, known });
}

/** Refuses what is no list of dimensions. */
export function dimensionList(dims: readonly number[]): readonly number[] {
  if (Array.isArray(dims)) return dims;
  throw new KeelError('argument', `dims are a list such as [0, 1], got ${showGiven(dims)}`, { dims });
}

/** Which axes a list of dimensions names; none named means all. A scalar accepts 0 and -1. */
export function dimensionMask(dims: number | readonly number[] | null | undefined, rank: number): boolean[] {
  const list = typeof dims === 'number' ? [dims] : dimensionList(dims ?? []);
  const mask = Array.from({ length: rank }, () => list.length === 0);
  const seen = new Set<number>();
  for (const dim of list) {
    const axis = dimension(dim, rank);
    if (seen.has(axis)) {
      throw new KeelError('dimension', `dim ${axis} appears multiple times in the list of dims [${list.join(', ')}]`, {
        dim: axis,
        dims: list,
      });
    }
    seen.add(axis);
    if (axis < rank) mask[axis] = true;
  }
  return mask;
}

/** Refuses tensors of different backends, int64 and bool, and a mix of float32 and float64. */
export function checkFloats(name: string, operands: readonly Tensor[]): void {
  checkBackend(name, operands);
  for (const { dtype } of operands) {
    if (dtype === 'float32' || dtype === 'float64') continue;
    throw new KeelError(
      'dtype',
      `${name}: expected scalar type Float but found ${dtype}: int64 and bool are data; convert with .to('float32')`,
      { operation: name, dtype },
    );
  }
  checkDtype(name, operands);
}

/** Refuses operands of different dtypes. */
export function checkDtype(name: string, operands: readonly Tensor[]): void {
  const dtypes = operands.map((operand) => operand.dtype);
  if (dtypes.every((dtype) => dtype === dtypes[0])) return;
  throw new KeelError(
    'dtype',
    `${name}: mixed dtype (CPU): all inputs must share same datatype, got ${dtypes.join(' and ')}: convert one with .to()`,
    { operation: name, dtypes },
  );
}

/** Refuses what is no tensor. */
export function checkTensors(name: string, operands: readonly Tensor[]): void {
  for (const operand of operands) {
    if (operand instanceof Tensor) continue;
    const message = `${name} takes a Tensor, got ${showGiven(operand)}: make one with tensor()`;
    throw new KeelError('argument', message, { operation: name, given: operand });
  }
}

/** Refuses what is no list of tensors that can stand in one. */
export function checkList(name: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors)) {
    const message = `${name} takes a list of tensors, as in ${name}([a, b]), got ${showGiven(tensors)}`;
    throw new KeelError('argument', message, { given: tensors });
  }
  if (tensors.length === 0) {
    throw new KeelError('argument', `${name}(): expected a non-empty list of Tensors`, { tensors: 0 });
  }
  checkBackend(name, tensors);
  checkDtype(name, tensors);
}

/** Refuses what is no tensor, operands that live on different backends, and disposed ones. */
export function checkBackend(name: string, operands: readonly Tensor[]): void {
  checkTensors(name, operands);
  const names = operands.map((operand) => operand.storage.kernels.name);
  if (names.every((backend) => backend === names[0])) return;
  // float64 lives apart: a mix of dtypes is what there is to say.
  checkDtype(name, operands.filter(({ dtype }) => dtype === 'float32' || dtype === 'float64'));
  throw new KeelError(
    'backend',
    `${name}: Expected all tensors to be on the same device, but found ${names.join(' and ')}: create them after the same ` +
      'useBackend()',
    { operation: name, backends: names },
  );
}

/** Refuses a tensor of another shape. */
export function checkSameShape(name: string, x: Tensor, shape: readonly number[]): void {
  if (sameShape(x.shape, shape)) return;
  throw new KeelError('shape', `${name} has shape ${showShape(x.shape)}; ${showShape(shape)} is needed`, {
    expected: shape,
    got: x.shape,
  });
}

/** The shape that operands broadcast to, by PyTorch's rule: axes are matched from the last, extent 1 stretches. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((extent, i) => {
      const axis = i + rank - shape.length;
      const held = result[axis] ?? 1;
      if (extent !== 1 && held !== 1 && extent !== held) {
        throw new KeelError(
          'shape',
          `The size of tensor a (${held}) must match the size of tensor b (${extent}) at non-singleton dimension ${axis}`,
          { shapes },
        );
      }
      if (held === 1) result[axis] = extent;
    });
  }
  return result;
}
