// A layout as PyTorch's own mean and var write it, for patterns that no layer of PyTorch has.
// May import kernels, nn, plan and what explain is made of.

import type { Statistics } from '../kernels/kernels.js';
import { pythonNumber } from '../nn/check.js';
import type { Layout } from '../plan.js';
import { digitsOf, type Digit } from './digits.js';

/**
 * PyTorch code that normalizes `x` of the layout's shape: one expression, or two lines that end in `y` where axes are
 * taken apart first.
 *
 * @example
 * torchCode(layout('[a] b [c]', [2, 3, 4]), 'rms', 1e-6);
 * // x / (x.square().mean((0, 2), keepdim=True) + 1e-06).sqrt()
 */
export function torchCode(form: Layout, statistics: Statistics, eps: number | null): string {
  const digits = digitsOf(form);
  const view = viewOf(form, digits);
  const dims = view.flatMap(({ reduced }, dim) => (reduced ? [dim] : []));
  const shape = view.map(({ size }) => size);
  const isWhole = shape.join() === form.shape.join();
  const scaled = centred(isWhole ? 'x' : 'v', tuple(dims), statistics, eps) + affine(form, view);
  if (isWhole) return scaled;
  return `v = x.reshape(${shape.join(', ')})\ny = (${scaled}).reshape(${form.shape.join(', ') || '()'})`;
}

type View = Pick<Digit, 'size' | 'reduced' | 'parameter'>;

/** An axis for each factor. PyTorch takes no dims for all of them, so that nothing reduced is a last axis of size 1. */
function viewOf(form: Layout, digits: readonly Digit[]): View[] {
  const one = { size: 1, reduced: false, parameter: null };
  const view = form.shape.flatMap((_, axis): View[] => {
    const factors = digits.filter((digit) => digit.axis === axis);
    return factors.length === 0 ? [one] : factors;
  });
  return view.some(({ reduced }) => reduced) ? view : [...view, { ...one, reduced: true }];
}

function centred(x: string, dims: string, statistics: Statistics, eps: number | null): string {
  const added = eps === null ? 'torch.finfo(x.dtype).eps' : pythonNumber(eps);
  switch (statistics) {
    case 'moments':
      return `(${x} - ${x}.mean(${dims}, keepdim=True))`
        + ` / (${x}.var(${dims}, unbiased=False, keepdim=True) + ${added}).sqrt()`;
    case 'rms':
      return `${x} / (${x}.square().mean(${dims}, keepdim=True) + ${added}).sqrt()`;
    case 'l2':
      return `F.normalize(${x}, dim=${dims}${eps === 1e-12 ? '' : `, eps=${added}`})`;
    default:
      return statistics satisfies never;
  }
}

/** ` * weight + bias`, with their axes where the view has them. */
function affine(form: Layout, view: readonly View[]): string {
  if (form.parameterShape === null) return '';
  const inView = view.filter(({ parameter }) => parameter !== null);
  const listed = inView.toSorted((a, b) => (a.parameter ?? 0) - (b.parameter ?? 0));
  const order = inView.map((digit) => listed.indexOf(digit));
  const sizes = listed.map(({ size }) => size);
  const ones = view.map(({ size, parameter }) => (parameter === null ? 1 : size));
  const isOrdered = order.every((place, i) => place === i);
  const isWhole = sizes.join() === form.parameterShape.join();
  // Leading axes of size 1 are PyTorch's own to add.
  const isTail = view.slice(ones.length - sizes.length).every(({ parameter }) => parameter !== null);
  const steps = [
    isOrdered || isWhole ? '' : `.reshape(${sizes.join(', ')})`,
    isOrdered ? '' : `.permute(${order.join(', ')})`,
    isTail && (isWhole || !isOrdered) ? '' : `.reshape(${ones.join(', ')})`,
  ].join('');
  return ` * weight${steps} + bias${steps}`;
}

const tuple = (values: readonly number[]): string => (values.length === 1 ? `${values[0]}` : `(${values.join(', ')})`);
