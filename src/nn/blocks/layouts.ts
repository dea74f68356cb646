// Key layouts: which library's names a state dict has, and the same state under another's. May import errors, tensor, ops and
// nn.

import { KeelError, showGiven } from '../../errors.js';
import { Tensor } from '../../tensor.js';
import { optionsOf } from '../check.js';
import type { Module } from '../module.js';
import { type Loading, wrappers } from '../state.js';
import { converted, renamed, reshapedTo, type ConvertedTensor, type Shaped } from './conversion.js';
import { layoutTables, type LayoutModel, type LayoutName, type LayoutTable } from './layouttables.js';
import { inOrder, nameOf, place, shapeIn } from './templates.js';

/** What the keys of a state dict say of it. */
export interface KeyLayout {
  readonly model: LayoutModel;
  readonly layout: LayoutName;
  /**
   * What wrappers put before every key: `module.` of DataParallel, `_orig_mod.` of torch.compile, `_forward_module.` of
   * Lightning's DeepSpeed, `_fsdp_wrapped_module.`, `model.`; else empty.
   */
  readonly prefix: string;
}

/**
 * The model and the library whose names most of the keys have, or null where fewer than half fit any. ResNet's are called
 * torchvision's; timm's are the same.
 *
 * @param keys keys, or a state dict
 * @throws KeelError [argument] for what is neither.
 * @see https://github.com/huggingface/pytorch-image-models
 * @example
 * layoutOf(['stem.0.weight', 'stem.0.bias']); // { model: 'ConvNeXt', layout: 'timm', prefix: '' }
 */
export function layoutOf(
  keys: Iterable<string> | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>,
): KeyLayout | null {
  return recognize(keysOf(keys));
}

/** The one option of {@link convertKeys}. */
export interface ConvertKeysOptions {
  /** The layout that the state has. Default null: it is recognized. */
  readonly from?: LayoutName | null;
}

/**
 * The state under the names of another library and in its order, tensors reshaped where the two differ: torchvision's layer
 * scale is (C, 1, 1), GRN's γ and β are (1, 1, 1, C) by facebookresearch and (C) by timm, whose linear layers may be
 * convolutions of 1×1. Other tensors are passed on as they are. ConvNeXt: facebook, timm, torchvision, huggingface; V2:
 * facebook, timm; VisionTransformer: timm, torchvision; ResNet: torchvision, timm. States of single blocks of the first two
 * too, and gradients by parameter.
 *
 * @throws KeelError [state_dict] for keys of no known model, and for keys that one of the layouts has no name for, all of
 *   them named; [argument] for a layout that the model does not have.
 * @see https://github.com/huggingface/pytorch-image-models
 * @see https://docs.pytorch.org/vision/stable/models.html
 * @example
 * convertKeys(new ConvNeXt({ depths: [1], dims: [8] }).stateDict(), 'torchvision').keys(); // features.0.0.weight, ...
 */
export function convertKeys(
  state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  to: LayoutName,
  options: ConvertKeysOptions = {},
): Map<string, Tensor> {
  return converted('convertKeys', state, (entries) => keyConversion(entries, to, options));
}

/**
 * What {@link convertKeys} makes, by names and shapes alone: for a file that is converted tensor by tensor.
 *
 * @param entries shapes by key, as `open` has them
 * @throws KeelError as convertKeys.
 * @example
 * const file = { 'stem.0.weight': { shape: [8, 3, 4, 4] }, 'stem.1.weight': { shape: [8] } };
 * [...keyConversion(new Map(Object.entries(file)), 'torchvision').keys()]; // features.0.0.weight, features.0.1.weight
 */
export function keyConversion(
  entries: ReadonlyMap<string, Shaped>,
  to: LayoutName,
  options: ConvertKeysOptions = {},
): Map<string, ConvertedTensor> {
  const { from } = optionsOf('convertKeys', options, { from: null });
  const found = recognize([...entries.keys()], from);
  if (found === null) throw unknownKeys([...entries.keys()], from);
  const { model, layout, prefix } = found;
  const table = layoutTables[model];
  checkLayout(table, model, to);
  const tensors = new Map<string, ConvertedTensor>();
  const strangers: string[] = [];
  for (const [source, { shape }] of entries) {
    const placed = place(table, layout, source.slice(prefix.length));
    const name = placed === null ? null : nameOf(to, placed);
    if (placed === null || name === null || tensors.has(name)) strangers.push(source);
    else tensors.set(name, renamed(source, shapeIn(to, placed, shape)));
  }
  if (strangers.length > 0) {
    throw new KeelError(
      'state_dict',
      `convertKeys: ${model} has no place in the layout of ${to} for ${quoted(strangers)} of ${layout}: remove what the model ` +
        'does not need, or convert to another layout',
      { model, from: layout, to, keys: strangers },
    );
  }
  return new Map(inOrder(table, to, [...tensors]));
}

/**
 * @internal Brings the entries below `prefix` to the names and shapes of our class, where most have another library's, and
 * says so in the report. Entries that no rule knows stay as they are, and are unexpected.
 */
export function adaptLayout(model: LayoutModel, module: Module, loading: Loading, prefix: string): void {
  const { state, reshapedKeys, aliases } = loading;
  const keys = [...state.keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  // A wrapper's prefix stands before the keys of a whole state dict.
  const found = recognize(keys, null, [model], prefix === '');
  const table = layoutTables[model];
  const [own = 'timm'] = table.layouts;
  if (found === null && prefix === '') loading.stranger = strangerOf(keys);
  if (found === null || (found.layout === own && found.prefix === '')) return;
  loading.layout = found.prefix + found.layout;
  for (const key of keys) {
    const placed = place(table, found.layout, key.slice(found.prefix.length));
    const name = placed === null ? null : nameOf(own, placed);
    const tensor = state.get(prefix + key);
    if (placed === null || name === null || state.has(prefix + name)) continue;
    state.delete(prefix + key);
    aliases.set(prefix + name, prefix + key);
    // What is no tensor is refused by name where it is matched.
    if (!(tensor instanceof Tensor)) {
      if (tensor !== undefined) state.set(prefix + name, tensor);
      continue;
    }
    const shaped = reshapedTo(tensor, shapeIn(own, placed, tensor.shape));
    if (shaped !== tensor) reshapedKeys.push(prefix + name);
    state.set(prefix + name, shaped);
  }
  for (const [key] of [...module.namedParameters(), ...module.namedBuffers()]) {
    const placed = place(table, own, key);
    const name = placed === null ? null : nameOf(found.layout, placed);
    if (name !== null) aliases.set(prefix + key, prefix + found.prefix + name);
  }
}

/** `a ResNet (torchvision layout)`, for the keys of another model than the one that they should be of. */
function strangerOf(keys: readonly string[]): string | null {
  const found = recognize(keys);
  return found === null ? null : `a ${found.model} (${found.layout} layout)`;
}

const prefixes = [...wrappers, 'model.'];

/** What wrappers put before every key, one inside another. */
function wrapperOf(keys: readonly string[]): string {
  const [first] = keys;
  if (first === undefined) return '';
  const outer = prefixes.find((wrapper) => keys.every((key) => key.startsWith(wrapper)));
  return outer === undefined ? '' : outer + wrapperOf(keys.map((key) => key.slice(outer.length)));
}

/** @internal The model and library, of those asked for, whose names most of the keys have. */
export function recognize(
  given: readonly string[],
  from: LayoutName | null = null,
  // The tables have these keys.
  models = Object.keys(layoutTables) as LayoutModel[],
  unwraps = true,
): KeyLayout | null {
  const prefix = unwraps ? wrapperOf(given) : '';
  const keys = given.map((key) => key.slice(prefix.length));
  let best: { readonly found: KeyLayout; readonly count: number } | null = null;
  for (const model of models) {
    const table = layoutTables[model];
    for (const layout of table.layouts) {
      if (from !== null && from !== layout) continue;
      const count = keys.filter((key) => place(table, layout, key) !== null).length;
      if (count > (best?.count ?? 0)) best = { found: { model, layout, prefix }, count };
    }
  }
  return best !== null && best.count * 2 >= keys.length ? best.found : null;
}

function keysOf(keys: Iterable<string> | ReadonlyMap<string, unknown> | Readonly<Record<string, unknown>>): string[] {
  if (keys instanceof Map) return [...keys.keys()].map(String);
  if (typeof keys === 'object' && keys !== null) {
    // An array, a set or the keys of a map; else an object by key.
    const list = Symbol.iterator in keys ? [...(keys as Iterable<unknown>)] : Object.keys(keys);
    return list.map(String);
  }
  throw new KeelError('argument', `layoutOf takes keys or a state dict, got ${showGiven(keys)}`, { keys });
}

function checkLayout({ layouts }: LayoutTable, model: LayoutModel, to: LayoutName): void {
  if (layouts.includes(to)) return;
  const message = `${model} has no layout '${String(to)}': choose from ${layouts.join(', ')}`;
  throw new KeelError('argument', message, { model, to, layouts });
}

function unknownKeys(keys: readonly string[], from: LayoutName | null): KeelError {
  const which = from === null ? 'of any known model' : `of ${from}`;
  const known = Object.entries(layoutTables).map(([model, { layouts }]) => `${model} (${layouts.join(', ')})`);
  return new KeelError(
    'state_dict',
    `convertKeys: these are not the keys ${which}: ${quoted(keys.slice(0, 8))}${keys.length > 8 ? ', ...' : ''}: known are ` +
      known.join('; '),
    { keys, from },
  );
}

function quoted(keys: readonly string[]): string {
  return keys.map((key) => `"${key}"`).join(', ');
}
