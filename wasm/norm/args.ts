// What a norm kernel is told: numbers and addresses in slots of eight bytes, 0 where an operand is absent.
// The drivers beside the backend write them in this order.

/** The plan, and what is taken from its sets. */
@unmanaged
export class PlanArgs {
  k0: f64;
  r0: f64;
  k1: f64;
  r1: f64;
  affine: f64;
  inner: f64;
  /** 0 moments, 1 rms, 2 l2. */
  statistics: f64;
  eps: f64;
}

/** A forward pass. `saved` has three planes, one float32 for each set: K, cm, rstd; the mean is K + cm. */
@unmanaged
export class ForwardArgs extends PlanArgs {
  x: f64;
  residual: f64;
  weight: f64;
  bias: f64;
  givenMean: f64;
  givenVariance: f64;
  y: f64;
  sum: f64;
  mean: f64;
  variance: f64;
  rstd: f64;
  saved: f64;
  /** What one driver alone tells its kernels: sizes of tiles and parts, planes of partial sums. */
  extra0: f64;
  extra1: f64;
  extra2: f64;
  extra3: f64;
  extra4: f64;
  extra5: f64;
}

/** A backward pass. The sign bit of a set's rstd says that its statistics are constants. */
@unmanaged
export class BackwardArgs extends PlanArgs {
  x: f64;
  dy: f64;
  dsum: f64;
  weight: f64;
  saved: f64;
  dx: f64;
  dweight: f64;
  dbias: f64;
  extra0: f64;
  extra1: f64;
  extra2: f64;
  extra3: f64;
  extra4: f64;
  extra5: f64;
}
