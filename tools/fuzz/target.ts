// What is fuzzed: how inputs are made from a seed, and what must hold of each. May import evenkeel.

import { KeelError } from 'evenkeel';
import type { Dice } from './dice.js';

export interface Target {
  readonly name: string;
  /** An input from random choices: the same for the same seed. */
  make(dice: Dice): Uint8Array;
  /** Throws what is wrong with what became of an input. A refusal is a KeelError, which `unlessRefused` takes. */
  check(input: Uint8Array): Promise<void>;
  /** The largest buffer that an input of so many bytes justifies. */
  most(bytes: number): number;
  /** It runs as a process does, whose tensors go with it. */
  readonly isProcess?: true;
}

/** What an answer got wrong. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}

/** Characters that a message may have, whatever was in the file. */
const MOST_MESSAGE = 3000;

/** What f gives, or null where it refuses with a KeelError. Any other error is a failure, and passes. */
export async function unlessRefused<T>(f: () => T | Promise<T>, codes?: readonly string[]): Promise<T | null> {
  try {
    return await f();
  } catch (error) {
    if (!(error instanceof KeelError)) throw error;
    const { code, message, data } = error;
    if (message.length > MOST_MESSAGE) throw new Wrong(`a message of ${message.length} characters: ${message.slice(0, 200)}`);
    if (codes !== undefined && !codes.includes(code)) throw new Wrong(`code ${code} instead of ${codes.join()}: ${message}`);
    if (code === 'file' && !problems.includes(String(data['problem']))) {
      throw new Wrong(`problem ${String(data['problem'])}: ${message}`);
    }
    return null;
  }
}

const problems = ['corrupt', 'unsupported', 'missing', 'access'];

export function claim(holds: boolean, wrong: () => string): void {
  if (!holds) throw new Wrong(wrong());
}

/** Whether a value is what JSON keeps whole: no NaN, no infinity, nothing undefined, nothing with a class. */
export function checkPlain(value: unknown, path = 'it'): void {
  if (typeof value === 'number') claim(Number.isFinite(value), () => `${path} is ${value}`);
  else if (typeof value === 'object' && value !== null) {
    claim(Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype, () => `${path} is of a class`);
    for (const [key, each] of Object.entries(value)) checkPlain(each, `${path}.${key}`);
  } else claim(value === null || typeof value === 'string' || typeof value === 'boolean', () => `${path} is ${String(value)}`);
}

/** Inputs that are values: patterns with sizes, say. */
export function packed(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

/** What `packed` made. The caller knows of which kind. */
export function unpacked<T>(input: Uint8Array): T {
  // Inputs are those of the target's own make, or saved from it.
  return JSON.parse(new TextDecoder().decode(input)) as T;
}
