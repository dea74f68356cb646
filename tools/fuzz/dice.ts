// Random choices from a seed, the same everywhere. Imports nothing.

/** @see https://github.com/bryc/code/blob/master/jshash/PRNGs.md (mulberry32) */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** From 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below n; 0 where n is. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  }

  /** Small numbers often, large ones seldom: at most `most`. */
  small(most: number): number {
    return Math.min(most, Math.floor(1 / (1 - this.next() * (1 - 1 / (most + 1))) - 1));
  }
}

/** Whole numbers at which counts, sizes and offsets go wrong. */
export const edges: readonly bigint[] = [
  0n, 1n, -1n, 2n, 3n, 7n, 8n, 64n, 65n, 127n, 128n, 255n, 256n, 1000n, 32767n, 32768n, 65535n, 65536n,
  ...[31n, 32n, 33n, 40n, 48n, 52n, 53n, 62n, 63n, 64n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits, 2n ** bits + 1n]),
  -(2n ** 31n), -(2n ** 63n),
];
