// Which of a checkpoint's dicts is meant. May import errors.

import { KeelError } from '../errors.js';
import { unsupported } from './elements.js';
import { Opaque, Tuple } from './pickle.js';
import { PickledTensor, refused } from './torchpickle.js';

/**
 * The tensors of the one dict that holds some, or of the dict that `entry` names: keys joined by dots, '' for the
 * outermost. Numbers, strings and the like beside the tensors are left out. Tensors under numbers, as optimizers keep them,
 * make no dict of tensors. A lone tensor is called `tensor`.
 *
 * @throws KeelError [file] where no dict holds tensors, or several do, and for what is not read among the tensors; [argument] for an entry that is none of them.
 */
export function chooseState(root: unknown, entry: string | undefined): ReadonlyMap<string, PickledTensor> {
  if (root instanceof PickledTensor && entry === undefined) return new Map([['tensor', root]]);
  const found = candidates(root);
  // The state dict of a module without parameters.
  if (found.length === 0 && root instanceof Map && root.size === 0) return new Map();

  const paths = found.map(([path]) => path);
  const named = entry === undefined ? found : found.filter(([path]) => path === entry);
  const [only, another] = named;
  if (only !== undefined && another === undefined) return checked(only);
  if (entry !== undefined && isOptimizerState(valueAt(root, entry))) {
    const message = `'${entry}' is an optimizer's state, no dict of tensors: read it with loadCheckpoint(), for optimizer.loadStateDict()`;
    throw new KeelError('argument', message, { entry, paths });
  }
  if (found.length === 0) {
    const hint = isOptimizerState(root) ? "it is an optimizer's, which loadCheckpoint() reads" : 'save model.state_dict()';
    throw unsupported(`no state dict is in it, but ${describe(root)}: ${hint}`, { holds: describe(root) });
  }
  if (entry !== undefined) {
    const what = only === undefined ? 'no' : 'more than one';
    const message = `${what} dict of tensors is called '${entry}': there are ${list(paths)}`;
    throw new KeelError('argument', message, { entry, paths });
  }
  const choice = paths.find((path) => path !== '') ?? '';
  const message = `several dicts of tensors are in it, ${list(paths)}: choose with { entry: '${choice}' }`;
  throw unsupported(message, { entries: paths });
}

type Candidate = readonly [path: string, tensors: ReadonlyMap<string, PickledTensor>, opaque: Opaque | null];

/** Arrays of NumPy and the like may stand beside a state dict, not in it: they would be missing. */
function checked([, tensors, opaque]: Candidate): ReadonlyMap<string, PickledTensor> {
  if (opaque === null) return tensors;
  throw refused(opaque.name);
}

function valueAt(root: unknown, path: string): unknown {
  const keys = path === '' ? [] : path.split('.');
  return keys.reduce<unknown>((value, key) => (value instanceof Map ? value.get(key) : undefined), root);
}

function isOptimizerState(value: unknown): boolean {
  return value instanceof Map && value.get('state') instanceof Map && Array.isArray(value.get('param_groups'));
}

/** Every dict that holds tensors itself and is reached by names alone, each once, from the outermost. */
function candidates(root: unknown): Candidate[] {
  const found: Candidate[] = [];
  const seen = new Set<unknown>([root]);
  const queue: [path: string, value: unknown][] = [['', root]];
  for (const [path, value] of queue) {
    if (!(value instanceof Map)) continue;
    const tensors = new Map<string, PickledTensor>();
    let opaque: Opaque | null = null;
    for (const [key, item] of value) {
      if (typeof key !== 'string') continue;
      if (item instanceof PickledTensor) tensors.set(key, item);
      else if (item instanceof Opaque) opaque ??= item;
      else if (item instanceof Map && !seen.has(item)) {
        seen.add(item);
        // Long paths are hostile: each dict in a chain would make one as long as the chain.
        if (path.length < 1000) queue.push([path === '' ? key : `${path}.${key}`, item]);
      }
    }
    if (tensors.size > 0) found.push([path, tensors, opaque]);
  }
  return found;
}

function describe(value: unknown): string {
  if (!(value instanceof Map)) return kind(value);
  const shown = [...value].slice(0, 8);
  const parts = shown.map(([key, item]) => `${typeof key === 'string' ? `'${key}'` : kind(key)} (${kind(item)})`);
  return `a dict of ${parts.join(', ')}${value.size > parts.length ? ', ...' : ''}`;
}

function kind(value: unknown): string {
  if (value === null) return 'None';
  if (value instanceof PickledTensor) return 'a tensor';
  if (value instanceof Map) return `a dict of ${value.size}`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (value instanceof Tuple) return `a tuple of ${value.items.length}`;
  if (value instanceof Opaque) return `a value of ${value.name}`;
  if (typeof value === 'object') return `a ${value.constructor.name}`;
  return typeof value === 'string' ? 'a string' : `the ${typeof value} ${String(value)}`;
}

function list(paths: readonly string[]): string {
  const names = paths.slice(0, 8).map((path) => (path === '' ? 'the outermost' : `'${path}'`));
  return `${names.join(', ')}${paths.length > names.length ? ', ...' : ''}`;
}
