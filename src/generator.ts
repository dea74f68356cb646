// PyTorch's CPU generator: mt19937 and the way its words become uniforms, normals and permutations, written into
// typed arrays. Knows nothing of tensors. May import errors and erf.

import { erf } from './erf.js';
import { KeelError, type ErrorData } from './errors.js';

/** Where real numbers are drawn into; the array's precision is the precision of the arithmetic. */
export type Reals = Float32Array | Float64Array;

/** All that the next numbers depend on, as {@link Generator.getState} hands it out. */
export interface GeneratorState {
  /** What the stream began with; nothing depends on it. */
  readonly seed: bigint;
  readonly words: Uint32Array;
  readonly next: number;
  readonly normal: number | null;
}

/**
 * A stream of random numbers, equal to PyTorch's on the CPU from the same seed and the same calls: uniforms bit for bit
 * and normals within 2e-6, as PyTorch 2.13 computes them on x86 with AVX2. Every method checks its arguments before it
 * draws; one that raises leaves the stream and `out` as they were. Methods that fill `out` also return it.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.Generator.html
 * @example
 * new Generator(0).uniform(new Float32Array(2)); // 0.4962566, 0.7682218
 */
export class Generator {
  readonly #words = new Uint32Array(STATE_WORDS);
  #seed = 0n;
  #next = STATE_WORDS;
  /** The second normal of a pair whose first was handed out by the scalar path of {@link normal}. */
  #normal: number | null = null;

  /** @throws KeelError [argument] as {@link manualSeed} */
  constructor(seed: number | bigint) {
    this.manualSeed(seed);
  }

  /**
   * Starts the stream again. Only the low 32 bits of `seed` count: 2³² + 5 is 5, and −1 is 2³² − 1.
   *
   * @throws KeelError [argument] for a seed that is no whole number or does not fit 64 bits
   */
  manualSeed(seed: number | bigint): this {
    const exact = integer(seed, 'seed');
    if (exact < INT64_MIN || exact > UINT64_MAX) {
      refuse(`seed ${seed} overflows 64 bits; take one from ${INT64_MIN} to ${UINT64_MAX}`, { seed });
    }
    this.#seed = BigInt.asUintN(64, exact);
    const words = this.#words;
    words[0] = Number(BigInt.asUintN(32, exact));
    for (let j = 1; j < STATE_WORDS; j++) {
      const last = words[j - 1]!;
      words[j] = Math.imul(1812433253, last ^ (last >>> 30)) + j;
    }
    this.#next = STATE_WORDS;
    this.#normal = null;
    return this;
  }

  /** A copy of the state, from which {@link setState} resumes the stream. */
  getState(): GeneratorState {
    return { seed: this.#seed, words: this.#words.slice(), next: this.#next, normal: this.#normal };
  }

  setState(state: GeneratorState): this {
    this.#seed = state.seed;
    this.#words.set(state.words);
    this.#next = state.next;
    this.#normal = state.normal;
    return this;
  }

  /**
   * u·(to − from) + from, as `uniform_` and `rand`: u is one word's low 24 bits / 2²⁴ for float32, two words' low
   * 53 bits / 2⁵³ for float64. `from` = `to` gives that value.
   *
   * @throws KeelError [argument] for bounds beyond the precision's range, `from` > `to`, or a difference that overflows
   */
  uniform<T extends Reals>(out: T, from = 0, to = 1): T {
    checkBounds(out, from, to);
    const round = rounding(out);
    const low = round(from);
    const high = round(to);
    const span = round(high - low);
    const draw = out instanceof Float32Array ? () => this.#single() : () => this.#double();
    for (let i = 0; i < out.length; i++) {
      const value = round(multiplyAdd(draw(), span, low));
      // Since 2.13 what rounding carries up to `to` becomes `from`: the range is half-open.
      out[i] = value === high ? low : value;
    }
    return out;
  }

  /**
   * N(mean, std²), as `normal_` and `randn`. From 16 elements on the Box–Muller transform takes blocks of 16 uniforms
   * in the array's precision, and a last incomplete block is drawn anew over the last 16 elements. Below 16 it works
   * in float64, one pair at a time, and keeps the second of a pair for the next such call.
   *
   * @throws KeelError [argument] for a negative or NaN `std`
   */
  normal<T extends Reals>(out: T, mean = 0, std = 1): T {
    if (!(std >= 0)) refuse(`normal expects std >= 0.0, but found std ${std}`, { std });
    const n = out.length;
    if (n < BLOCK) {
      for (let i = 0; i < n; i++) out[i] = this.#scalarNormal() * std + mean;
      return out;
    }
    const round = rounding(out);
    const scale = round(std);
    const shift = round(mean);
    this.uniform(out);
    for (let i = 0; i + BLOCK <= n; i += BLOCK) boxMuller(out, i, shift, scale, round);
    if (n % BLOCK > 0) {
      this.uniform(out.subarray(n - BLOCK));
      boxMuller(out, n - BLOCK, shift, scale, round);
    }
    return out;
  }

  /**
   * 1 with probability p, else 0. A number p is `bernoulli_(p)`: a float64 uniform each, 1 where it is < p. An array
   * of one p for each element is `torch.bernoulli(p)`: the uniforms have p's precision.
   *
   * @throws KeelError [argument] for a p outside [0, 1]; [shape] for a p of another length
   */
  bernoulli<T extends Reals | Uint8Array>(out: T, p: number | Reals): T {
    if (typeof p === 'number') {
      checkProbability(p);
      for (let i = 0; i < out.length; i++) out[i] = this.#double() < p ? 1 : 0;
      return out;
    }
    if (p.length !== out.length) {
      throw new KeelError('shape', `bernoulli needs one p for each of ${out.length} elements, but got ${p.length}`, {
        elements: out.length,
        probabilities: p.length,
      });
    }
    p.forEach(checkProbability);
    const draw = p instanceof Float32Array ? () => this.#single() : () => this.#double();
    for (let i = 0; i < out.length; i++) out[i] = draw() < p[i]! ? 1 : 0;
    return out;
  }

  /**
   * Whole numbers lo ≤ x < hi, as `randint`: lo + (one word mod (hi − lo)), or two words where hi − lo ≥ 2²⁸.
   *
   * @throws KeelError [argument] for bounds that are no whole numbers or overflow int64, or lo ≥ hi
   */
  integers(out: BigInt64Array, lo: number | bigint, hi: number | bigint): BigInt64Array {
    const base = int64(lo, 'from');
    const end = int64(hi, 'to');
    if (base >= end) {
      refuse(`random_ expects 'from' to be less than 'to', but got from=${base} >= to=${end}`, { from: base, to: end });
    }
    const range = end - base;
    // The limit was 2³² before PyTorch 2.13; see uniform_int_from_to_distribution in DistributionsHelper.h.
    if (range >= 1n << 28n) {
      for (let i = 0; i < out.length; i++) out[i] = base + (this.#word64() % range);
    } else {
      const modulus = Number(range);
      for (let i = 0; i < out.length; i++) out[i] = base + BigInt(this.#word() % modulus);
    }
    return out;
  }

  /**
   * 0 … n − 1 in random order, as `randperm`: for i < n − 1, z = word mod (n − i), swap the elements i and i + z.
   *
   * @throws KeelError [size] for an n that is no whole number from 0, or so large that PyTorch goes another way
   */
  permutation(n: number): BigInt64Array {
    if (!Number.isInteger(n) || n < 0 || n >= PERMUTATION_LIMIT) {
      const problem = n < 0 ? `Trying to create tensor with negative dimension ${n}: [${n}]` : `a permutation of ${n}`;
      throw new KeelError('size', `${problem}; n must be a whole number from 0 to ${PERMUTATION_LIMIT - 1}`, { n });
    }
    const out = BigInt64Array.from({ length: n }, (_, i) => BigInt(i));
    for (let i = 0; i < n - 1; i++) {
      const z = this.#word() % (n - i);
      const kept = out[i]!;
      out[i] = out[i + z]!;
      out[i + z] = kept;
    }
    return out;
  }

  /**
   * N(mean, std²) within [a, b], as `nn.init.trunc_normal_` since PyTorch 2.13. Where more than 0.3 of the normal's
   * mass lies in [a, b]: normals, and new ones for all elements until none that was kept lies outside. Else a uniform
   * x from [a, b), kept where ln u ≤ −½((x − mean)/std)² + ½((mode − mean)/std)² for a second uniform u.
   *
   * @throws KeelError [argument] for a std that is not above 0, a mean that is not finite, bounds that are NaN or in
   *   the wrong order, or an infinite bound in the second case
   */
  truncNormal<T extends Reals>(out: T, mean = 0, std = 1, a = -2, b = 2): T {
    checkTruncation(mean, std, a, b);
    const mass = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
    if (mass > 0.3) this.#redrawOutside(out, mean, std, a, b);
    else this.#rejectByDensity(out, mean, std, a, b);
    return out;
  }

  #redrawOutside(out: Reals, mean: number, std: number, a: number, b: number): void {
    const round = rounding(out);
    const low = round(a);
    const high = round(b);
    const outside = (x: number): boolean => x < low || x > high;
    this.normal(out, mean, std);
    const fresh = out.slice();
    while (out.some(outside)) {
      this.normal(fresh, mean, std);
      for (let i = 0; i < out.length; i++) if (outside(out[i]!)) out[i] = fresh[i]!;
    }
  }

  #rejectByDensity(out: Reals, mean: number, std: number, a: number, b: number): void {
    const round = rounding(out);
    const centre = round(mean);
    const scale = round(std);
    const mode = Math.max(a, Math.min(mean, b));
    const logPeak = round(-0.5 * ((mode - mean) / std) ** 2);
    const candidates = out.slice();
    const chances = out.slice();
    const pending = new Uint8Array(out.length).fill(1);
    do {
      this.uniform(candidates, a, b);
      this.uniform(chances);
      for (let i = 0; i < out.length; i++) {
        if (pending[i] === 0) continue;
        const x = candidates[i]!;
        const z = round(round(x - centre) / scale);
        const logDensity = round(-0.5 * round(z * z) - logPeak);
        out[i] = x;
        pending[i] = round(Math.log(chances[i]!)) > logDensity ? 1 : 0;
      }
    } while (pending.includes(1));
  }

  /** Box–Muller in float64: r·cos 2πu₁ now, r·sin 2πu₁ the next time. */
  #scalarNormal(): number {
    const kept = this.#normal;
    this.#normal = null;
    if (kept !== null) return kept;
    const theta = TWO_PI * this.#double();
    const radius = Math.sqrt(-2 * Math.log1p(-this.#double()));
    this.#normal = radius * Math.sin(theta);
    return radius * Math.cos(theta);
  }

  #single(): number {
    return (this.#word() & 0xffffff) / 2 ** 24;
  }

  #double(): number {
    const high = this.#word() & 0x1fffff;
    return (high * 2 ** 32 + this.#word()) / 2 ** 53;
  }

  #word64(): bigint {
    const high = BigInt(this.#word());
    return (high << 32n) | BigInt(this.#word());
  }

  #word(): number {
    if (this.#next === STATE_WORDS) {
      twist(this.#words);
      this.#next = 0;
    }
    let y = this.#words[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }
}

const STATE_WORDS = 624;
const BLOCK = 16;
const TWO_PI = 2 * Math.PI;
/** randperm takes one word for each swap below this many elements: ⌊(2³² − 1) / 20⌋. */
const PERMUTATION_LIMIT = 214_748_364;
const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;
const UINT64_MAX = (1n << 64n) - 1n;
const FLOAT32_MAX = (2 - 2 ** -23) * 2 ** 127;

/** The next 624 words of mt19937 (Matsumoto and Nishimura, 1998), over the last. */
function twist(words: Uint32Array): void {
  for (let i = 0; i < STATE_WORDS; i++) {
    const following = words[i + 1 < STATE_WORDS ? i + 1 : 0]!;
    const distant = words[i + 397 < STATE_WORDS ? i + 397 : i + 397 - STATE_WORDS]!;
    const mixed = (words[i]! & 0x80000000) | (following & 0x7fffffff);
    words[i] = distant ^ (mixed >>> 1) ^ (-(following & 1) & 0x9908b0df);
  }
}

/** Eight pairs of uniforms in place to sixteen normals, each step rounded to the array's precision. */
function boxMuller(out: Reals, start: number, mean: number, std: number, round: (x: number) => number): void {
  const turn = round(TWO_PI);
  for (let j = start; j < start + BLOCK / 2; j++) {
    const radius = round(Math.sqrt(-2 * round(Math.log(1 - out[j]!))));
    const theta = round(turn * out[j + BLOCK / 2]!);
    out[j] = round(radius * round(Math.cos(theta))) * std + mean;
    out[j + BLOCK / 2] = round(radius * round(Math.sin(theta))) * std + mean;
  }
}

function rounding(out: Reals): (x: number) => number {
  return out instanceof Float32Array ? Math.fround : (x) => x;
}

/** a·b + c rounded once, as the FMA that PyTorch's uniform_ compiles to (Dekker's product, Knuth's sum). */
function multiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const aHigh = upperHalf(a);
  const bHigh = upperHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  const productError = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
  const added = sum - product;
  const result = sum + (product - (sum - added) + (c - added) + productError);
  // upperHalf overflows where b is within a factor 2²⁸ of the largest number.
  return Number.isFinite(result) ? result : sum;
}

/** The upper 26 of a number's 53 bits (Veltkamp). */
function upperHalf(x: number): number {
  const scaled = x * (2 ** 27 + 1);
  return scaled - (scaled - x);
}

/** Φ(x) = (1 + erf(x/√2)) / 2. */
function normalCdf(x: number): number {
  return (1 + erf(x / Math.SQRT2)) / 2;
}

function checkBounds(out: Reals, from: number, to: number): void {
  const single = out instanceof Float32Array;
  const limit = single ? FLOAT32_MAX : Number.MAX_VALUE;
  const data = { from, to, limit };
  for (const [name, bound] of [['from', from], ['to', to]] as const) {
    if (Math.abs(bound) <= limit) continue;
    refuse(`${name} is out of bounds for ${single ? 'float' : 'double'}: ${bound} is not within ±${limit}`, data);
  }
  if (from > to) refuse(`uniform_ expects to return a [from, to) range, but found from=${from} > to=${to}`, data);
  if (to - from > limit) {
    refuse(
      `uniform_ expects to-from <= std::numeric_limits<${single ? 'Float' : 'Double'}>::max(), but found ` +
        `to=${to} and from=${from} which result in to-from to exceed the limit ${limit}`,
      data,
    );
  }
}

function checkProbability(p: number): void {
  if (!(p >= 0 && p <= 1)) refuse(`bernoulli_ expects p to be in [0, 1], but got p=${p}`, { p });
}

function checkTruncation(mean: number, std: number, a: number, b: number): void {
  const data = { mean, std, a, b };
  if (!Number.isFinite(mean)) refuse(`trunc_normal_ expects a finite mean, but found mean ${mean}`, data);
  if (!(std > 0)) refuse(`trunc_normal_ expects std > 0.0, but found std ${std}`, data);
  if (!(a <= b)) refuse(`trunc_normal_ expects to return a [from, to) range, but found from=${a} > to=${b}`, data);
}

function int64(value: number | bigint, name: string): bigint {
  const exact = integer(value, name);
  if (exact >= INT64_MIN && exact <= INT64_MAX) return exact;
  return refuse(`'${name}' = ${value} overflows int64; take one from ${INT64_MIN} to ${INT64_MAX}`, { [name]: value });
}

function integer(value: number | bigint, name: string): bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return BigInt(value);
  return refuse(`'${name}' must be a whole number (beyond 2^53 a bigint), but got ${value}`, { [name]: value });
}

function refuse(message: string, data: ErrorData): never {
  throw new KeelError('argument', message, data);
}
