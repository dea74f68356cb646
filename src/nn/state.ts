// Matching a state dict with a module's own entries, and PyTorch's report of what does not fit.
// May import errors, tensor and movement.

import { KeelError, showGiven } from '../errors.js';
import { reshape } from '../ops/movement.js';
import { sameShape, Tensor } from '../tensor.js';

/** A state dict on its way into a module. */
export interface Loading {
  /** The entries by key; modules may rename, reshape and drop them. */
  readonly state: Map<string, Tensor>;
  /** Takes back what modules changed in themselves, if the load is refused. */
  readonly undo: (() => void)[];
  /** What modules find wrong: lines of the report. */
  readonly complaints: string[];
  /** Keys of entries that modules gave another shape. */
  readonly reshapedKeys: string[];
  /** What a checkpoint of another layout calls the module's own keys, and those that modules renamed. */
  readonly aliases: Map<string, string>;
  /** The key layout that was recognized, where it is not the module's own. */
  layout: string | null;
  /** Whose keys these are, where they are those of another model: the report begins with it, and is short. */
  stranger: string | null;
}

/** What a state dict holds for a module, and why it may not be loaded. */
export interface Match {
  readonly missingKeys: string[];
  readonly unexpectedKeys: string[];
  readonly reshapedKeys: string[];
  readonly layout: string | null;
  readonly mismatched: readonly string[];
  readonly copies: readonly { readonly key: string; readonly target: Tensor; readonly source: Tensor }[];
  /** Lines of the report; none where it may be loaded. */
  readonly complaints: readonly string[];
}

/** A state dict as a map of its own; its tensors are checked where their names are known. */
export function entriesOf(state: unknown): Map<string, Tensor> {
  if (state instanceof Map) return new Map(state);
  const isOther = Array.isArray(state) || state instanceof Tensor || state instanceof Promise || isModule(state);
  if (typeof state === 'object' && state !== null && !isOther) {
    return new Map(Object.entries(state));
  }
  const message = `Expected state_dict to be a Map or an object of tensors, got ${showGiven(state)}${hintFor(state)}`;
  throw new KeelError('state_dict', message, { state });
}

/** What else the state may be on the way to: `load` without `await`, or the module itself. */
function hintFor(state: unknown): string {
  if (state instanceof Promise) return ': await it, as in loadStateDict(await load(path))';
  return isModule(state) ? ': give its module.stateDict()' : '';
}

function isModule(state: unknown): boolean {
  return typeof state === 'object' && state !== null && 'stateDict' in state && typeof state.stateDict === 'function';
}

/**
 * Gives own keys to entries whose keys differ in spelling alone: the properties' names, `inputLayer.weight`, and the prefix
 * that a wrapper, such as DataParallel (`module.`) or torch.compile (`_orig_mod.`), puts before all of them.
 */
export function respell(
  { state, aliases }: Loading,
  own: ReadonlySet<string>,
  inSnakeCase: (key: string) => string,
): string | null {
  const prefix = wrappers.find((each) => [...state.keys()].every((key) => key.startsWith(each) && !own.has(key)));
  const unwrapped = (key: string) => inSnakeCase(prefix === undefined ? key : key.slice(prefix.length));
  const found = [...state.keys()].some((key) => own.has(unwrapped(key)));
  if (state.size === 0 || !found) return null;
  for (const [key, value] of state) {
    const name = unwrapped(key);
    if (own.has(key) || !own.has(name) || state.has(name)) continue;
    state.delete(key);
    state.set(name, value);
    aliases.set(name, key);
  }
  return prefix ?? null;
}

/** What DataParallel, torch.compile, Lightning's DeepSpeed and FSDP put before the keys of what they wrap. */
export const wrappers = ['module.', '_orig_mod.', '_forward_module.', '_fsdp_wrapped_module.'];

/** Finds a source for every entry of a module's own; `optional` keys may be missing. */
export function match(
  own: readonly (readonly [key: string, target: Tensor])[],
  { state: given, complaints: found, reshapedKeys, aliases, layout, stranger }: Loading,
  optional: ReadonlySet<string>,
  strict: boolean,
): Match {
  const keys = new Set(own.map(([key]) => key));
  const missingKeys = [...keys].filter((key) => !given.has(key) && !optional.has(key));
  // By the checkpoint's own names, also where a module gave them others.
  const unexpectedKeys = [...given.keys()].filter((key) => !keys.has(key)).map((key) => aliases.get(key) ?? key);
  const strangers = [...keys].filter((key) => given.has(key) && !(given.get(key) instanceof Tensor));
  const copies = own.flatMap(([key, target]) => {
    const source = given.get(key);
    if (!(source instanceof Tensor)) return [];
    const fitting = scalarOf(target, source);
    if (fitting !== source) reshapedKeys.push(key);
    return [{ key, target, source: fitting }];
  });
  const mismatches = copies.filter(({ target, source }) => !sameShape(target.shape, source.shape));
  const missing = strict && missingKeys.length > 0;
  const unexpected = strict && unexpectedKeys.length > 0;
  // PyTorch names all; of another model's none is of use.
  const most = stranger === null ? Infinity : 20;
  const complaints = [
    ...(stranger !== null && (missing || unexpected) ? [`These are the keys of ${stranger}: load them into one.`] : []),
    ...(missing ? [`Missing key(s) in state_dict: ${quoted(missingKeys, most, aliases)}. `] : []),
    ...(unexpected ? [`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys, most)}. `] : []),
    ...found,
    ...strangers.map(
      (key) => `While copying the parameter named "${key}", expected a Tensor but got ${showGiven(given.get(key))}.`,
    ),
    ...mismatches.map(
      ({ key, target, source }) =>
        `size mismatch for ${key}${aliasOf(key, aliases)}: copying a param with shape torch.Size([${source.shape.join(', ')}]) from ` +
        `checkpoint, the shape in current model is torch.Size([${target.shape.join(', ')}]).`,
    ),
  ];
  const mismatched = mismatches.map(({ key }) => key);
  return { missingKeys, unexpectedKeys, reshapedKeys, layout, mismatched, copies, complaints };
}

function quoted(keys: readonly string[], most: number, aliases: ReadonlyMap<string, string> = new Map()): string {
  const named = keys.slice(0, most).map((key) => `"${key}"${aliasOf(key, aliases)}`).join(', ');
  return keys.length > most ? `${named} and ${keys.length - most} more` : named;
}

/** The name that the checkpoint's writer would look for. */
function aliasOf(key: string, aliases: ReadonlyMap<string, string>): string {
  const alias = aliases.get(key);
  return alias === undefined || alias === key ? '' : ` ("${alias}" in the checkpoint's layout)`;
}

/** A checkpoint may hold a scalar as one element of rank 1. */
function scalarOf(target: Tensor, source: Tensor): Tensor {
  return target.rank === 0 && source.rank === 1 && source.size === 1 ? reshape(source, []) : source;
}
