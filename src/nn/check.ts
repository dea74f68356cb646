// PyTorch's conditions on the inputs of its normalization layers, in its words. May import errors, tensor and ops.

import { KeelError, showGiven, showValue } from '../errors.js';
import { checkTensors } from '../ops/check.js';
import { sameShape, sizeOf, type Tensor } from '../tensor.js';

/** `[2, 3]` */
function list(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** A count of features, channels or groups: a whole number from `least`. */
export function checkCount(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new KeelError('size', `${name} must be a whole number from ${least}, got ${showValue(value)}`, { [name]: value, least });
}

/** An eps, alpha or the like: any number but NaN. */
export function checkNumber(name: string, value: number): void {
  if (typeof value === 'number' && !Number.isNaN(value)) return;
  throw new KeelError('argument', `${name} must be a number, got ${showValue(value)}`, { [name]: value });
}

/** Refuses what is no tensor, but null where one may be missing. */
export function checkOperands(name: string, x: Tensor, ...optional: readonly (Tensor | null)[]): void {
  checkTensors(name, [x, ...optional.filter((tensor) => tensor !== null)]);
}

/** A probability, of `dropout` or `drop`. */
export function checkProbability(what: string, p: number): void {
  if (typeof p === 'number' && p >= 0 && p <= 1) return;
  const given = typeof p === 'number' ? String(p) : showGiven(p);
  throw new KeelError('argument', `${what} probability has to be between 0 and 1, but got ${given}`, { p });
}

/** (N, C, H, W): what models of images take. */
export function checkImages(owner: string, x: Tensor): void {
  checkOperands(owner, x);
  if (x.rank === 4) return;
  const message = `${owner}: expected 4D input (got ${x.rank}D input): (N, C, H, W), and not ${list(x.shape)}`;
  throw new KeelError('rank', message, { shape: x.shape });
}

/** Sizes of several parts: their counts are checked each for itself. */
export function checkList(name: string, values: readonly number[]): void {
  if (Array.isArray(values)) return;
  throw new KeelError('argument', `${name} is a list such as [2, 2], got ${showGiven(values)}`, { [name]: values });
}

/** A weight of new values in an average. */
export function checkMomentum(momentum: number): void {
  if (Number.isFinite(momentum)) return;
  throw new KeelError('argument', `momentum must be a finite number, got ${String(momentum)}`, { momentum });
}

/**
 * Options with their defaults, which name all that there are and which of them are flags; the default NaN is that of an
 * option which has to be given.
 *
 * @throws KeelError [argument] for one that is missing, any other name, a flag that is no boolean, and options that are no
 *   object.
 */
export function optionsOf<O extends object>(owner: string, given: O, defaults: Required<NoInfer<O>>): Required<O> {
  const known = Object.keys(defaults);
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw noOptions(owner, given, defaults);
  const options = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    // What stands by its place in PyTorch: a layer, a tensor.
    if (!known.includes(name)) throw isPlain(given) ? unknownOption(owner, name, known) : noOptions(owner, given, defaults);
    if (value === undefined) continue;
    if (typeof Reflect.get(defaults, name) === 'boolean' && typeof value !== 'boolean') {
      const message = `${owner}: ${name} must be true or false, got ${showValue(value)}`;
      throw new KeelError('argument', message, { [name]: value });
    }
    Reflect.set(options, name, value);
  }
  const missing = known.find((name) => Number.isNaN(Reflect.get(defaults, name)) && Reflect.get(given, name) === undefined);
  if (missing === undefined) return options;
  throw new KeelError('argument', `${owner} needs the option ${missing}: give { ${missing}: ... }`, { option: missing });
}

function isPlain(given: object): boolean {
  const name = given.constructor?.name;
  return name === undefined || name === 'Object';
}

function noOptions(owner: string, given: unknown, defaults: object): KeelError {
  const [name, value] = Object.entries(defaults)[0] ?? [];
  const isShort = (typeof value === 'number' && !Number.isNaN(value)) || typeof value === 'boolean';
  const such = `such as { ${name}: ${isShort ? String(value) : '...'} }`;
  return new KeelError('argument', `${owner} takes its options as an object, ${such}; got ${showValue(given)}`, { given });
}

const plain = (text: string): string => text.toLowerCase().replaceAll('_', '');

function unknownOption(owner: string, name: string, known: readonly string[]): KeelError {
  const meant = known.find((each) => plain(each) === plain(name));
  const hint = meant === undefined ? `choose from ${known.join(', ')}` : `did you mean ${meant}?`;
  return new KeelError('argument', `${owner} has no option ${name}: ${hint}`, { option: name, known });
}

/** The parameters of a layer: null for one that it does not have. */
interface Parameters {
  readonly weight: Tensor | null;
  readonly bias: Tensor | null;
}

/** A shape must end in normalizedShape, and the parameters must have it. `any` is how PyTorch prints what stands before. */
export function checkTrailing(
  shape: readonly number[],
  normalizedShape: readonly number[],
  parameters: Parameters,
  any: '*, ' | '*',
): void {
  if (!Array.isArray(normalizedShape)) {
    const hint = typeof normalizedShape === 'number' ? `: pass [${String(normalizedShape)}]` : '';
    const message = `normalizedShape is a list of extents, got ${String(normalizedShape)}${hint}`;
    throw new KeelError('argument', message, { normalizedShape });
  }
  const rank = normalizedShape.length;
  if (rank === 0) {
    throw new KeelError(
      'shape',
      'Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got ' +
        'normalized_shape = []: name the extents of the trailing axes',
      { normalizedShape },
    );
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter === null || sameShape(parameter.shape, normalizedShape)) continue;
    throw new KeelError(
      'shape',
      `Expected ${name} to be of same shape as normalized_shape, but got ${name} of shape ${list(parameter.shape)} and ` +
        `normalized_shape = ${list(normalizedShape)}`,
      { parameter: name, expected: normalizedShape, got: parameter.shape },
    );
  }
  if (sameShape(shape.slice(-rank), normalizedShape)) return;
  // PyTorch's words for RMSNorm, in case somebody searches for them.
  const few = any === '*' && shape.length < rank;
  throw new KeelError(
    'shape',
    `Given normalized_shape=${list(normalizedShape)}, expected input with shape [${any}${normalizedShape.join(', ')}], but ` +
      `got input of size${list(shape)}` +
      (few ? `: Input tensor must have at least ${rank} dimensions, but got ${shape.length}` : trailingHint(shape, normalizedShape)),
    { normalizedShape, shape },
  );
}

/** What the caller may have meant: most often, channels are first. */
function trailingHint(shape: readonly number[], normalizedShape: readonly number[]): string {
  const [channels] = normalizedShape;
  if (normalizedShape.length > 1 || shape.length < 3 || shape[1] !== channels) {
    return `: it ends in ${list(shape.slice(-normalizedShape.length))}`;
  }
  const pixels = shape.length === 4 ? `LayerNorm2d(${channels}) for each pixel, ` : '';
  const rest = shape.slice(1).join(', ');
  return `: axis 1 has ${channels}; use ${pixels}GroupNorm(1, ${channels}) or LayerNorm([${rest}]) for each sample, or permute the channels last`;
}

/** (N, C, H, W) with C as normalizedShape has it. */
export function checkPixels(shape: readonly number[], normalizedShape: readonly number[]): void {
  if (shape.length !== 4) {
    throw new KeelError(
      'rank',
      `LayerNorm2d only supports inputs with shape (N, C, H, W), but got tensor with shape ${list(shape)}`,
      { shape },
    );
  }
  if (sameShape(shape.slice(1, 2), normalizedShape)) return;
  throw new KeelError(
    'shape',
    `Given normalized_shape=${list(normalizedShape)}, expected input with shape [N, ${normalizedShape.join(', ')}, H, W], but ` +
      `got input of size${list(shape)}`,
    { normalizedShape, shape },
  );
}

/** (N, C, *) with C divisible by the groups, more than one value, and parameters of C values. */
export function checkGroups(shape: readonly number[], numGroups: number, parameters: Parameters): void {
  checkGroupCount(numGroups);
  if (shape.length < 2) {
    throw new KeelError('rank', `Expected at least 2 dimensions for input tensor but received ${shape.length}: (N, C, *)`, {
      shape,
    });
  }
  const [batch = 0, channels = 0, ...positions] = shape;
  // PyTorch counts the values of each group over the whole batch.
  const folded = [Math.floor((batch * channels) / numGroups), numGroups, ...positions];
  if ((folded[0] ?? 0) * sizeOf(positions) === 1) throw tooFew('value per channel', list(folded), shape);
  if (channels % numGroups !== 0) {
    throw new KeelError(
      'indivisible',
      'Expected number of channels in input to be divisible by num_groups, but got input of shape ' +
        `${list(shape)} and num_groups=${numGroups}`,
      { channels, numGroups },
    );
  }
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter === null || sameShape(parameter.shape, [channels])) continue;
    throw new KeelError(
      'shape',
      `Expected ${name} to be a vector of size equal to the number of channels in input, but got ${name} of shape ` +
        `${list(parameter.shape)} and input of shape ${list(shape)}`,
      { parameter: name, expected: [channels], got: parameter.shape },
    );
  }
}

export function checkGroupCount(numGroups: number): void {
  if (Number.isInteger(numGroups) && numGroups > 0) return;
  throw new KeelError('argument', `Expected num groups to be greater than 0, got ${String(numGroups)}`, { numGroups });
}

/** (N, C, *) */
export function checkAxes(shape: readonly number[]): void {
  if (shape.length >= 2) return;
  throw new KeelError('rank', `expected at least 2D input (got ${shape.length}D input): (N, C, *)`, { shape });
}

/** Batch statistics need more than one value for each channel. */
export function checkBatch(shape: readonly number[]): void {
  const [batch = 0, , ...positions] = shape;
  if (batch * sizeOf(positions) === 1) throw tooFew('value per channel', `torch.Size(${list(shape)})`, shape);
}

/** PyTorch reads the first of N·C parameters, and raises where there is none. */
export function checkAny(sets: number, shape: readonly number[], { weight, bias }: Parameters): void {
  if (sets > 0 || (weight === null && bias === null)) return;
  throw new KeelError(
    'shape',
    `select(): index 0 out of range for tensor of size [0] at dimension 0: an input of shape ${list(shape)} has nothing that ` +
      'weight and bias belong to; leave it out',
    { shape },
  );
}

/** Instance statistics need more than one position. */
export function checkPositions(shape: readonly number[]): void {
  if (sizeOf(shape.slice(2)) === 1) throw tooFew('spatial element', `torch.Size(${list(shape)})`, shape);
}

function tooFew(what: string, size: string, shape: readonly number[]): KeelError {
  const message = `Expected more than 1 ${what} when training, got input size ${size}: give more, or use running statistics in eval`;
  return new KeelError('too_few_values', message, { shape });
}

export function checkBatchEps(eps: number, training: boolean): void {
  checkNumber('eps', eps);
  const allowed = training ? eps > 0 : eps >= 0;
  if (allowed) return;
  throw new KeelError(
    'argument',
    training
      ? `batch_norm eps must be positive during training, but got ${pythonNumber(eps)}`
      : `batch_norm eps must be non-negative, but got ${pythonNumber(eps)}`,
    { eps, training },
  );
}

/** Vectors that hold one value for each channel, axis 1. */
export function checkLengths(vectors: Readonly<Record<string, Tensor | null>>, shape: readonly number[]): void {
  const [, expected = 0] = shape;
  for (const [name, vector] of Object.entries(vectors)) {
    if (vector === null || (vector.rank === 1 && vector.size === expected)) continue;
    const last = shape.length > 2 && shape.at(-1) === vector.size ? `; the last axis has ${vector.size}: permute it to axis 1` : '';
    throw new KeelError(
      'shape',
      `${name} should contain ${expected} elements not ${vector.size}: axis 1 of the input has ${expected} channels${last}`,
      { vector: name, expected, got: vector.shape },
    );
  }
}

/** A number as Python prints it: `1e-05`, `0.1`; whole ones as they were written, `2`. */
export function pythonNumber(value: number): string {
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return value > 0 ? 'inf' : '-inf';
  if (magnitude === 0 || (magnitude >= 1e-4 && magnitude < 1e16)) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2');
}

/** A number that is a float in Python, such as a probability: `0.0`, `0.1`. */
export function pythonFloat(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : pythonNumber(value);
}
