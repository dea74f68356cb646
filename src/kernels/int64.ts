// Numbers as elements of int64. May import errors.

import { KeelError } from '../errors.js';

/** A number cut to a whole one, as PyTorch converts it; refuses what int64 does not hold. */
export function int64Of(value: number | bigint): bigint {
  if (typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : value >= -(2 ** 63) && value < 2 ** 63) {
    return typeof value === 'bigint' ? value : BigInt(Math.trunc(value));
  }
  const given = typeof value === 'bigint' || !Number.isFinite(value) ? value : BigInt(value);
  const message = `${given} is no int64: give whole numbers from −2⁶³ below 2⁶³, or another dtype`;
  throw new KeelError('dtype', message, { value });
}
