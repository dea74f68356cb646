// A nested value as JSON and the tensors that it refers to. May import errors and tensor.

import { KeelError, showGiven } from '../errors.js';
import { Tensor } from '../tensor.js';
import { fileError } from './elements.js';
import { isRecord, showJson } from './headerjson.js';

/** How deep values may nest: a training state takes five levels. */
export const MOST_LEVELS = 64;

/** A value that was taken apart. */
export interface Tree {
  /**
   * JSON as it is, but for objects of one key: `{"$tensor": name}`, `{"$map": [[key, value], ...]}`, `{"$number": "NaN"}` (or
   * Infinity, -Infinity, -0), `{"$bigint": digits}`, and `{"$object": [[key, value], ...]}` for an object that has a key
   * beginning with $.
   */
  readonly json: unknown;
  /** By the dotted path of each; where two paths make one name, the second ends in ~2. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * Takes a value apart.
 *
 * @throws KeelError [argument] by its path for whatever is no tensor, number, text, boolean, null, bigint, array, plain
 *   object or Map, for what holds itself, and beyond 64 levels; [disposed].
 */
export function treeOf(value: unknown): Tree {
  const tensors = new Map<string, Tensor>();
  const open = new Set<unknown>();

  const nameFor = (path: string): string => {
    let name = path;
    for (let i = 2; tensors.has(name); i++) name = `${path}~${i}`;
    return name;
  };
  const within = <T>(container: unknown, path: string, f: () => T): T => {
    if (open.has(container)) throw refusedAt(path, 'is held by itself: break the cycle');
    if (open.size === MOST_LEVELS) throw refusedAt(path, `nests deeper than ${MOST_LEVELS} levels`);
    open.add(container);
    const result = f();
    open.delete(container);
    return result;
  };
  const pairs = (entries: Iterable<readonly [unknown, unknown]>, path: string): unknown[] =>
    Array.from(entries, ([key, item]) => [encode(key, `a key of ${path}`), encode(item, join(path, key))]);

  const encode = (given: unknown, path: string): unknown => {
    if (given === null || typeof given === 'string' || typeof given === 'boolean') return given;
    if (typeof given === 'number') return isPlain(given) ? given : { $number: Object.is(given, -0) ? '-0' : String(given) };
    if (typeof given === 'bigint') return { $bigint: String(given) };
    if (given instanceof Tensor) {
      if (given.isDisposed) throw new KeelError('disposed', `'${path}' is a disposed tensor: save before dispose()`, { path });
      const name = nameFor(path);
      tensors.set(name, given);
      return { $tensor: name };
    }
    if (Array.isArray(given)) return within(given, path, () => Array.from(given, (item, i) => encode(item, join(path, i))));
    if (given instanceof Map) return within(given, path, () => ({ $map: pairs(given, path) }));
    if (!isPlainObject(given)) throw refusedAt(path, `is ${showGiven(given)}: ${hasState(given) ? 'give its stateDict()' : takes}`);
    return within(given, path, () => {
      const entries = Object.entries(given);
      if (entries.some(([key]) => key.startsWith('$'))) return { $object: pairs(entries, path) };
      return Object.fromEntries(entries.map(([key, item]) => [key, encode(item, join(path, key))]));
    });
  };
  return { json: encode(value, ''), tensors };
}

/** How deep the JSON of such values may nest: a Map is one of three levels. */
export const MOST_JSON_LEVELS = 3 * MOST_LEVELS + 4;

/**
 * The value again, from JSON that nests no deeper; `tensorOf` gives each tensor by its name.
 *
 * @throws KeelError [file] for what {@link treeOf} does not write; whatever `tensorOf` throws.
 */
export function valueOf(json: unknown, tensorOf: (name: string) => Tensor): unknown {
  const decode = (given: unknown): unknown => {
    if (Array.isArray(given)) return given.map(decode);
    if (!isRecord(given)) return given;
    const [key = '', ...others] = Object.keys(given);
    if (key.startsWith('$') && others.length === 0) return special(key, given[key]);
    return Object.fromEntries(Object.entries(given).map(([name, item]) => [name, decode(item)]));
  };
  const special = (kind: string, held: unknown): unknown => {
    if (kind === '$tensor' && typeof held === 'string') return tensorOf(held);
    if (kind === '$number' && typeof held === 'string' && !isPlain(Number(held))) return Number(held);
    if (kind === '$bigint' && typeof held === 'string' && /^-?\d{1,5000}$/.test(held)) return BigInt(held);
    if (kind === '$map' && isPairs(held)) return new Map(held.map(([key, item]) => [decode(key), decode(item)]));
    if (kind === '$object' && isPairs(held)) return Object.fromEntries(held.map(([key, item]) => [String(key), decode(item)]));
    throw fileError(`its description has ${showJson({ [kind]: held })}, which saveCheckpoint does not write`, { kind });
  };
  return decode(json);
}

const takes = 'a checkpoint takes tensors, numbers, texts, booleans, null, and arrays, plain objects and Maps of them';

/** What JSON keeps to the last bit. */
function isPlain(value: number): boolean {
  return Number.isFinite(value) && !Object.is(value, -0);
}

function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Also from another realm, as a test runner's.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A model, an optimizer, a schedule. */
function hasState(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'stateDict' in value;
}

function isPairs(value: unknown): value is readonly (readonly [unknown, unknown])[] {
  return Array.isArray(value) && value.every((pair) => Array.isArray(pair) && pair.length === 2);
}

function join(path: string, key: unknown): string {
  const name = typeof key === 'object' && key !== null ? showGiven(key) : String(key);
  return path === '' ? name : `${path}.${name}`;
}

function refusedAt(path: string, problem: string): KeelError {
  return new KeelError('argument', `${path === '' ? 'the checkpoint' : `'${path}'`} ${problem}`, { path });
}
