// The whole value of a .pth file, in JavaScript's containers. May import errors and tensor.

import type { Tensor } from '../tensor.js';
import type { ByteSource } from './bytesource.js';
import { readAll } from './contents.js';
import { fileError } from './elements.js';
import { Global, Opaque, OrderedDict, Tuple } from './pickle.js';
import { openPickle } from './pth.js';
import { PickledTensor } from './torchpickle.js';
import { MOST_LEVELS } from './tree.js';

/**
 * What `torch.save` was given. An OrderedDict, as state dicts are, becomes a Map; another dict an object, where its keys are
 * texts and whole numbers, else a Map; tuples and sets become lists; bytes a Uint8Array (of protocol 2 a text of as many
 * characters); whole numbers beyond 2⁵³ bigints; a dtype its name; and a value of a class that is not read, as
 * `argparse.Namespace`, becomes `{ unread: 'argparse.Namespace' }`.
 *
 * @throws KeelError [file] as {@link readPth}, and for containers that hold themselves or nest deeper than 64 levels.
 */
export async function readPthValue(source: ByteSource): Promise<unknown> {
  const { root, contentsOf } = await openPickle(source);
  const names = new Map<PickledTensor, string>();
  const pickled = new Map<string, PickledTensor>();
  // The first walk finds the tensors, so that all are checked before one is read.
  convert(root, (tensor, path) => {
    if (names.has(tensor)) return null;
    let name = path === '' ? 'tensor' : path;
    for (let i = pickled.size; pickled.has(name); i++) name = `${path}~${i}`;
    names.set(tensor, name);
    pickled.set(name, tensor);
    return null;
  });
  const tensors = await readAll(contentsOf(pickled));
  return convert(root, (tensor) => tensors.get(names.get(tensor) ?? '') ?? null);
}

/** What stands in several places is converted once: lists of lists twice, twice, ... would have no end. */
function convert(root: unknown, tensorOf: (tensor: PickledTensor, path: string) => Tensor | null): unknown {
  const done = new Map<unknown, unknown>();
  const open = new Set<unknown>();

  const of = (value: unknown, path: string): unknown => {
    if (value instanceof PickledTensor) return tensorOf(value, path);
    if (value instanceof Global) return value.name;
    if (typeof value !== 'object' || value === null) return value;
    if (done.has(value)) return done.get(value);
    if (open.has(value) || open.size === MOST_LEVELS) {
      const problem = open.has(value) ? 'is held by itself' : `nests deeper than ${MOST_LEVELS} levels`;
      throw fileError(`'${path.slice(0, 200)}' ${problem}`, { limit: MOST_LEVELS });
    }
    open.add(value);
    const made = containerOf(value, path);
    open.delete(value);
    done.set(value, made);
    return made;
  };
  const containerOf = (value: object, path: string): unknown => {
    if (value instanceof Opaque) return { unread: value.name };
    if (value instanceof Uint8Array) return new Uint8Array(value);
    if (Array.isArray(value)) return value.map((item, i) => of(item, join(path, i)));
    if (value instanceof Tuple) return value.items.map((item, i) => of(item, join(path, i)));
    if (value instanceof Set) return Array.from(value, (item, i) => of(item, join(path, i)));
    if (!(value instanceof Map)) throw fileError(`'${path.slice(0, 200)}' is a bare storage: save a tensor`, {});
    const entries = Array.from(value, ([key, item]) => [of(key, path), of(item, join(path, key))] as const);
    if (value instanceof OrderedDict || !areNames(entries.map(([key]) => key))) return new Map(entries);
    return Object.fromEntries(entries.map(([key, item]) => [String(key), item]));
  };
  return of(root, '');
}

/** Whether keys are texts and whole numbers of which no two are spelled alike. */
function areNames(keys: readonly unknown[]): boolean {
  const areSpelled = keys.every((key) => typeof key === 'string' || Number.isSafeInteger(key));
  return areSpelled && new Set(keys.map(String)).size === keys.length;
}

function join(path: string, key: unknown): string {
  const name = typeof key === 'object' ? '?' : String(key);
  return path === '' ? name : `${path}.${name}`;
}
