// What the command line asks for as a method: a layer with its options on a shape, or a pattern. May import evenkeel.

import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, explain, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, KeelError,
  LayerNorm, LayerNorm2d, LocalResponseNorm, RMSNorm, type NormLayer,
} from 'evenkeel';
import { layerNameOf, noLayer, type LayerName } from '../layernames.js';
import { layerOptions, taken, takenByPatterns, type LayerOption, type LayerOptions } from '../layeroptions.js';
import { digitsOf } from './digits.js';
import type { Given } from './given.js';
import type { Method } from './method.js';

/** What is asked for, null or empty where nothing is said. */
export interface Wish extends LayerOptions {
  readonly as: string | null;
  readonly pattern: string | null;
}

/** A method, and what is to say about it. */
export interface Asked {
  readonly method: Method;
  /** Which elements share statistics, in several lines. */
  readonly text: string;
  /** null of local response norm. */
  readonly pattern: string | null;
}

/**
 * Refuses what cannot be asked for on any file: no layer and pattern, or both; an unknown layer; options that have no effect.
 *
 * @throws KeelError [argument]
 */
export function checkWish(wish: Wish): void {
  const { as, pattern, sizes } = wish;
  if (as !== null && pattern !== null) {
    throw new KeelError('argument', 'give one of --as and --pattern: each says how to normalize', { as, pattern });
  }
  if (as === null && pattern === null) {
    throw new KeelError('argument', 'say how to normalize: --as LAYER, such as --as layer-norm, or --pattern PATTERN', { usage: true });
  }
  const layer = as === null ? null : layerOf(as);
  const own: readonly LayerOption[] = layer === null ? takenByPatterns : taken[layer];
  const named = own.map((option) => `--${option}`).join(' and ');
  const unused = layerOptions.find((option) => wish[option] !== null && !own.includes(option));
  if (unused !== undefined) {
    const what = layer === null ? `sizes such as g=3, and ${named}` : named;
    throw new KeelError('argument', `${layer ?? '--pattern'} takes no --${unused}, only ${what}`, { option: `--${unused}` });
  }
  const [factor] = Object.keys(sizes);
  if (layer === null || factor === undefined) return;
  const setting = `${factor}=${sizes[factor]}`;
  throw new KeelError('argument', `${layer} takes no ${setting}, only ${named}: sizes belong to --pattern`, { setting });
}

/** The layer of the command line's name for it. */
function layerOf(as: string): LayerName {
  const found = layerNameOf(as);
  if (found === null) throw noLayer(as);
  return found;
}

/**
 * What was asked for, on a shape.
 *
 * @throws KeelError where layer, pattern, parameters and shape do not fit.
 */
export function askedOf(wish: Wish, shape: readonly number[], given: Given): Asked {
  const { as, pattern } = wish;
  return as === null ? ofPattern(wish, pattern ?? '', shape, given) : ofLayer(wish, as, shape, given);
}

function ofPattern({ sizes, eps, statistics }: Wish, pattern: string, shape: readonly number[], given: Given): Asked {
  const settings = { ...sizes, ...(statistics !== null && { statistics }), ...(eps !== null && { eps }) };
  const { text, data } = explain(pattern, shape, settings);
  const { weight, bias } = given;
  checkParameters(given, `'${data.pattern}'`, shape, data.parameters.weight);
  const method = { kind: 'sharing', pattern, sizes, statistics: statistics ?? 'moments', eps, weight, bias, running: null } as const;
  return { method, text, pattern: data.pattern };
}

function ofLayer(wish: Wish, as: string, shape: readonly number[], given: Given): Asked {
  const name = layerOf(as);
  const { weight, bias, running } = given;
  if (name === 'local-response-norm') {
    if (weight !== null || bias !== null) throw takesNone(name, weight === null ? 'bias' : 'weight');
    const size = wish.size ?? 5;
    const text = `${String(new LocalResponseNorm(size))} on ${shape.join(' × ')}\n  each element by its neighbours among the channels`;
    return { method: { kind: 'windows', size }, text, pattern: null };
  }
  if (name === 'rms-norm' && bias !== null) throw takesNone(name, 'bias');
  if (running !== null && name !== 'batch-norm' && name !== 'instance-norm') {
    throw new KeelError('argument', `the checkpoint has running statistics there, and ${name} has none: say --as batch-norm`, { name });
  }
  const layer = layerFor(wish, name, rankIn(as), shape, given);
  const { pattern, sizes, statistics } = layer.patternFor(shape);
  const { text, data } = explain(layer, shape);
  if (running === null) checkStatistics(name, layer.eps, data.elements, shape);
  const { parameterShape } = digitsOf(pattern, shape, sizes, 'C');
  checkParameters(given, name, shape, parameterShape);
  const eps = statistics === 'rms' ? wish.eps : layer.eps;
  return { method: { kind: 'sharing', pattern, sizes, statistics, eps, weight, bias, running }, text, pattern: data.pattern };
}

/** The rank that a class of PyTorch has in its name. */
function rankIn(as: string): number | null {
  const digit = /(?:batch|instance)[-_]?norm[-_]?([123])d$/i.exec(as)?.[1];
  return digit === undefined ? null : Number(digit) + 2;
}

/** The layer for the array's channels, with parameters and running statistics where they are given. */
function layerFor(wish: Wish, name: Exclude<LayerName, 'local-response-norm'>, rank: number | null, shape: readonly number[], given: Given): NormLayer {
  const channels = shape[1] ?? 0;
  const chosen = wish.eps === null ? {} : { eps: wish.eps };
  const isAffine = given.weight !== null || given.bias !== null;
  const bias = given.bias !== null;
  const trailing = { elementwiseAffine: isAffine, bias, ...chosen };
  const channelwise = { affine: isAffine, bias, trackRunningStats: given.running !== null, ...chosen };
  const usual = Math.min(Math.max(shape.length, 3), 5);
  switch (name) {
    case 'layer-norm':
      return new LayerNorm(wish['normalized-shape'] ?? shape.slice(-1), trailing);
    case 'layer-norm-2d':
      return new LayerNorm2d(channels, trailing);
    case 'rms-norm':
      return new RMSNorm(wish['normalized-shape'] ?? shape.slice(-1), { elementwiseAffine: isAffine, ...chosen });
    case 'group-norm':
      if (wish.groups !== null) return new GroupNorm(wish.groups, channels, { affine: isAffine, bias, ...chosen });
      throw new KeelError('argument', `group-norm needs a number of groups that divides ${channels} channels: --groups G`, { channels });
    case 'batch-norm':
      return new ({ 3: BatchNorm1d, 4: BatchNorm2d }[rank ?? usual] ?? BatchNorm3d)(channels, channelwise).eval();
    case 'instance-norm': {
      // Without a batch the channels come first.
      const isSample = shape.length === (rank ?? usual) - 1;
      const features = (isSample ? shape[0] : channels) ?? 0;
      return new ({ 3: InstanceNorm1d, 4: InstanceNorm2d }[rank ?? usual] ?? InstanceNorm3d)(features, channelwise).eval();
    }
    default:
      return name satisfies never;
  }
}

/** As PyTorch refuses it in training, which uses the input's own statistics as well. */
function checkStatistics(name: LayerName, eps: number | null, elements: number, shape: readonly number[]): void {
  if (name === 'batch-norm' && eps !== null && eps <= 0) {
    throw new KeelError('argument', `batch_norm eps must be positive during training, but got ${eps}`, { eps });
  }
  if (elements !== 1 || (name !== 'batch-norm' && name !== 'instance-norm')) return;
  const what = name === 'batch-norm' ? 'value per channel' : 'spatial element';
  const message = `Expected more than 1 ${what} when training, got input size [${shape.join(', ')}]: give more, or running statistics with --checkpoint`;
  throw new KeelError('too_few_values', message, { shape });
}

function takesNone(name: LayerName, parameter: 'weight' | 'bias'): KeelError {
  const way = name === 'rms-norm' ? 'it has a weight alone' : 'it has no parameters';
  return new KeelError('argument', `${name} takes no --${parameter}: ${way}`, { parameter });
}

function checkParameters(given: Given, name: string, shape: readonly number[], expected: readonly number[] | null): void {
  const { weight, bias, running } = given;
  const tensors = { weight, bias, running_mean: running?.mean ?? null, running_var: running?.variance ?? null };
  const on = `${name} on ${shape.join(' × ') || 'one number'}`;
  for (const [parameter, tensor] of Object.entries(tensors)) {
    if (tensor === null) continue;
    if (expected === null) {
      const message = `${parameter} is given, but ${on} has no axes for it: add a comma and the axes it varies along`;
      throw new KeelError('shape', message, { parameter });
    }
    if (tensor.shape.join() === expected.join() && tensor.rank === expected.length) continue;
    const shapes = [tensor.shape, expected].map((each) => each.join(' × ') || 'one number');
    throw new KeelError('shape', `${parameter} has shape ${shapes[0]}, but ${on} takes ${shapes[1]}`, {
      parameter,
      expected,
      got: tensor.shape,
    });
  }
}
