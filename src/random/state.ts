// The generator's state as PyTorch's bytes: struct CPUGeneratorImplState. May import errors and generator.

import { KeelError } from '../errors.js';
import type { GeneratorState } from '../generator.js';

/** The bytes of `torch.get_rng_state()`. */
export function bytesOfState({ seed, words, next, normal }: GeneratorState): Uint8Array {
  const bytes = new Uint8Array(STATE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(AT.seed, seed, true);
  view.setInt32(AT.left, words.length + 1 - next, true);
  view.setInt32(AT.isSeeded, 1, true);
  view.setUint32(AT.next, next, true);
  words.forEach((word, i) => view.setUint32(AT.words + 8 * i, word, true));
  view.setFloat64(AT.normal, normal ?? 0, true);
  view.setInt32(AT.hasNormal, normal === null ? 0 : 1, true);
  return bytes;
}

/**
 * The state that such bytes say, in numbers of which each is one byte.
 *
 * @throws KeelError [argument] for another count, and what is no state.
 */
export function stateOfBytes(bytes: readonly number[]): GeneratorState {
  if (bytes.length !== STATE_BYTES) {
    const message = `RNG state is wrong size: it has ${STATE_BYTES} bytes, got ${bytes.length}; give what getRngState() gave`;
    throw new KeelError('argument', message, { expected: STATE_BYTES, got: bytes.length });
  }
  const view = new DataView(Uint8Array.from(bytes).buffer);
  const left = view.getInt32(AT.left, true);
  // Where no words are left, PyTorch may also say that none was taken.
  const next = left === 1 ? STATE_WORDS : view.getUint32(AT.next, true);
  const isState = view.getInt32(AT.isSeeded, true) === 1 && left >= 1 && left <= STATE_WORDS && left + next === STATE_WORDS + 1;
  if (!isState || !bytes.every((byte) => byte >= 0 && byte <= 255)) {
    throw new KeelError('argument', 'Invalid mt19937 state: give what getRngState() or torch.get_rng_state() gave', { left, next });
  }
  return {
    seed: view.getBigUint64(AT.seed, true),
    words: Uint32Array.from({ length: STATE_WORDS }, (_, i) => view.getUint32(AT.words + 8 * i, true)),
    next,
    normal: view.getInt32(AT.hasNormal, true) === 0 ? null : view.getFloat64(AT.normal, true),
  };
}

const STATE_WORDS = 624;

/** Where each field begins; a word takes 8 bytes. */
const AT = { seed: 0, left: 8, isSeeded: 12, next: 16, words: 24, normal: 5024, hasNormal: 5040 } as const;
const STATE_BYTES = 5056;
