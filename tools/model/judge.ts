// How far what a model computes may be from what PyTorch computed in float64. May import 'evenkeel/io' (types).

import type { Elements } from 'evenkeel/io';
import { compare } from '../oracle/compare.js';
import type { Fields } from '../oracle/fields.js';

/** The share of the largest magnitude that a tensor may be off by. */
const SHARE = 2e-5;

/** One kind of result, such as all gradients: the worst of its tensors. */
export interface Finding {
  readonly kind: string;
  readonly count: number;
  /** The largest error as a share of what is allowed; above 1 fails. */
  readonly worst: number;
  readonly name: string;
  /** What is wrong with the worst, null where nothing is. */
  readonly problem: string | null;
}

/** The worst of each kind, in the order in which kinds appear. */
export function judge(
  expected: ReadonlyMap<string, Elements>,
  computed: ReadonlyMap<string, Elements>,
  json: Fields,
): Finding[] {
  const kinds = new Map<string, Finding>();
  const limits = json.fields('expected', {});
  for (const [name, wanted] of expected) {
    const kind = name.replace(/(?<=^(norm|weight|grad|after))\/.*/, '/*');
    const atol = allowed(kind, wanted, limits, expected);
    const { ok, error, problem } = compare(computed.get(name), wanted, { rtol: 0, atol, strictAtol: null });
    // Where something other than a number is wrong there is no error to compare.
    const worst = Number.isNaN(error) ? Infinity : error === 0 ? 0 : error / atol;
    const held = kinds.get(kind);
    const finding = { kind, count: (held?.count ?? 0) + 1, worst, name, problem: ok ? null : problem };
    kinds.set(kind, held !== undefined && held.worst > worst ? { ...held, count: finding.count } : finding);
  }
  return [...kinds.values()];
}

/** Logits and gradients by the JSON's own limits, whole numbers exactly, all else by a share of the largest magnitude. */
function allowed(kind: string, wanted: Elements, limits: Fields, expected: ReadonlyMap<string, Elements>): number {
  if (wanted.dtype === 'int64') return 0;
  if (kind === 'logits' || kind === 'mask/logits') return limits.number('logits_atol', SHARE * largest([wanted]));
  if (kind !== 'grad/*') return SHARE * largest([wanted]);
  const gradients = [...expected].filter(([name]) => name.startsWith('grad/')).map(([, gradient]) => gradient);
  return limits.number('grad_atol', SHARE * largest(gradients));
}

function largest(tensors: readonly Elements[]): number {
  let most = 0;
  for (const { data } of tensors) for (const value of data) most = Math.max(most, Math.abs(Number(value)));
  return most;
}
