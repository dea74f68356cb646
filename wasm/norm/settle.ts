// From the sums of a sweep about a pilot to a set's statistics, and the judgement whether those can be trusted.

import { ForwardArgs } from './args';
import { L2, MOMENTS, saveStatistics } from './general';

/** The statistics stand; the pilot was too far from the mean, sweep about `pilotOfSet`; leave the set to float64. */
export const SETTLED = 0, AGAIN = 1, UNFIT = 2;

/** Squares below this lose digits as float32. */
const TINY: f64 = 7.888609052210118e-31;
/** Squares of deviations above this, or sums with an infinity or NaN in them, are not to be trusted. */
const HUGE: f64 = 3e38;

/** Of the set that was settled last: y = (x - pilotOfSet - correction) · reciprocal. */
export let pilotOfSet: f64 = 0;
export let correction: f64 = 0;
export let reciprocal: f64 = 0;

/** Whether a set is swept about a pilot; otherwise about the given mean, or 0. */
// @ts-ignore: decorator
@inline
export function isPiloted(a: ForwardArgs): bool {
  return a.givenMean == 0 && a.statistics == MOMENTS;
}

/**
 * Judges Σu and Σu² of u = x - k over the 1 / share elements of a set, and saves the statistics if they stand: if the square of
 * their mean is at most `far` variances.
 */
export function settle(a: ForwardArgs, set: i32, k: f64, sum: f64, squares: f64, share: f64 = 1 / (a.r0 * a.r1), far: f64 = 4): i32 {
  if (!(squares < HUGE && abs(sum) < HUGE)) return UNFIT;
  const eps = a.eps;
  let variance: f64, isConstant = a.givenMean != 0;
  pilotOfSet = k;
  correction = 0;
  if (isConstant) {
    variance = <f64>load<f32>(<usize>a.givenVariance + (<usize>set << 2));
    reciprocal = 1 / sqrt<f64>(variance + eps);
  } else if (a.statistics == L2) {
    if (max(squares, eps * eps) < TINY) return UNFIT;
    const length = sqrt<f64>(squares);
    variance = squares;
    isConstant = length < eps;
    reciprocal = 1 / max(length, eps);
  } else {
    if (a.statistics == MOMENTS) {
      correction = sum * share;
      squares = max(0, squares - sum * correction);
      if (correction * correction > far * squares * share) {
        pilotOfSet = <f64><f32>(k + correction);
        if (pilotOfSet != k) return AGAIN;
      }
    }
    variance = squares * share;
    if (variance + eps < TINY) return UNFIT;
    reciprocal = 1 / sqrt<f64>(variance + eps);
  }
  saveStatistics(a, set, k + correction, variance, reciprocal, isConstant);
  return SETTLED;
}
