// The keys of weight_norm and spectral_norm, old and parametrized, as other keys. May import errors, tensor, conversion and
// bareweight.

import { KeelError, showShape } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import type { WeightKeys } from '../weightnorm.js';
import { directionAxis, unspectral, unsplit } from './bareweight.js';
import { converted, renamed, type ConvertedTensor, type Shaped } from './conversion.js';

/** How the keys of a reparametrized weight are named: as by either of PyTorch's two, or as the weight itself. */
export type WeightForm = WeightKeys | 'plain';

/**
 * The state with the keys of weight_norm and spectral_norm in another form, other entries as they are:
 *
 * | | `old` | `parametrized` | `plain` |
 * |---|---|---|---|
 * | weight_norm | `weight_g`, `weight_v` | `parametrizations.weight.original0`, `original1` | `weight` = g·v/‖v‖ |
 * | spectral_norm | `weight_orig`, `weight_u`, `weight_v` | `parametrizations.weight.original`, `0._u`, `0._v` | `weight` = W/(uᵀWv) |
 *
 * and so for a parameter of any name. The first two hold the same tensors: for weight_norm the same model, for spectral_norm the
 * same in evaluation, while training improves u and v in another order. `plain` is what removing the norm leaves in evaluation,
 * computed in float64 and rounded once; the axis is the one that the shapes of g, u and v tell, and of two as long the one along
 * which σ is the larger by far. A plain weight has no way back.
 *
 * @throws KeelError [state_dict] where there are no such keys, for other parametrizations, for a vector under spectral_norm,
 *   which the two kinds compute otherwise, and for g, u and v that are not of the weight's shape; [argument] for another form;
 *   [dtype] for weights of whole numbers.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.weight_norm.html
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html
 * @example
 * const layer = weightNorm(new Linear(3, 2), { keys: 'old' });
 * [...convertWeightNorm(layer.stateDict(), 'parametrized').keys()]; // bias, parametrizations.weight.original0, ...original1
 */
export function convertWeightNorm(
  state: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  to: WeightForm,
): Map<string, Tensor> {
  return converted('convertWeightNorm', state, (entries) => weightNormConversion(entries, to));
}

/**
 * What {@link convertWeightNorm} makes, by names and shapes alone: for a file that is converted tensor by tensor.
 *
 * @param entries shapes by key, as `open` has them
 * @throws KeelError as convertWeightNorm.
 * @example
 * const file = new Map([['weight_g', { shape: [2, 1] }], ['weight_v', { shape: [2, 3] }]]);
 * weightNormConversion(file, 'plain').get('weight')?.from; // weight_g, weight_v
 */
export function weightNormConversion(entries: ReadonlyMap<string, Shaped>, to: WeightForm): Map<string, ConvertedTensor> {
  if (!forms.includes(to)) {
    throw new KeelError('argument', `the form must be one of ${forms.join(', ')}, got '${String(to)}'`, { to });
  }
  const groups = new Map([...entries.keys()].map((key) => [key, groupAt(entries, key)] as const));
  const parts = new Set([...groups.values()].flatMap((group) => group?.keys ?? []));
  checkAll([...entries.keys()], parts);
  const tensors = new Map<string, ConvertedTensor>();
  for (const [key, { shape }] of entries) {
    const group = groups.get(key) ?? null;
    if (group !== null) for (const [name, tensor] of formed(entries, group, to)) put(tensors, name, tensor);
    else if (!parts.has(key)) put(tensors, key, renamed(key, shape));
  }
  return tensors;
}

const forms: readonly WeightForm[] = ['old', 'parametrized', 'plain'];

/** One reparametrized weight: g and v, or W, u and v. */
interface Group {
  readonly kind: 'weight' | 'spectral';
  /** `fc1.weight` is of the module `fc1.`. */
  readonly module: string;
  readonly name: string;
  readonly keys: readonly string[];
}

/** What the keys of each kind and form end with, the module and parameter before them. */
const endings = {
  weight: { old: ['_g', '_v'], parametrized: ['.original0', '.original1'] },
  spectral: { old: ['_orig', '_u', '_v'], parametrized: ['.original', '.0._u', '.0._v'] },
} as const;

function keysOf({ kind, module, name }: Omit<Group, 'keys'>, form: WeightKeys): string[] {
  const stem = form === 'old' ? `${module}${name}` : `${module}parametrizations.${name}`;
  return endings[kind][form].map((ending) => stem + ending);
}

/** The weight whose first key this is, or null. */
function groupAt(entries: ReadonlyMap<string, Shaped>, key: string): Group | null {
  for (const kind of ['weight', 'spectral'] as const) {
    for (const form of ['old', 'parametrized'] as const) {
      const [first] = endings[kind][form];
      if (!key.endsWith(first)) continue;
      const stem = key.slice(0, -first.length);
      const at = stem.lastIndexOf('.') + 1;
      const [module, name] = [stem.slice(0, at), stem.slice(at)];
      const isInside = module === 'parametrizations.' || module.endsWith('.parametrizations.');
      if (name === '' || isInside !== (form === 'parametrized')) continue;
      const group = { kind, module: isInside ? module.slice(0, -'parametrizations.'.length) : module, name };
      const keys = keysOf(group, form);
      if (keys.every((each) => entries.has(each))) return { ...group, keys };
    }
  }
  return null;
}

function formed(
  entries: ReadonlyMap<string, Shaped>,
  group: Group,
  to: WeightForm,
): (readonly [string, ConvertedTensor])[] {
  const { kind, module, name, keys } = group;
  const shapes = keys.map((key) => entries.get(key)?.shape ?? []);
  const [first = [], second = [], third = []] = shapes;
  if (to === 'plain') {
    if (kind === 'weight') {
      const axis = directionAxis(keys, first, second);
      return [[module + name, { shape: second, from: keys, make: ([g, v]) => unsplit(keys, axis, g, v) }]];
    }
    return [[module + name, { shape: first, from: keys, make: ([w, u, v]) => unspectral(keys, w, u, v) }]];
  }
  const names = keysOf(group, to);
  if (kind === 'spectral' && first.length < 2 && names[0] !== keys[0]) {
    throw new KeelError(
      'state_dict',
      `${keys[0]} is a vector of ${showShape(first)}, which the parametrized spectral_norm divides by its length, and the old one ` +
        `by uᵀWv of ${showShape(second)} and ${showShape(third)}: make it plain`,
      { keys },
    );
  }
  return names.map((each, i) => [each, renamed(keys[i] ?? each, shapes[i] ?? [])]);
}

function put(tensors: Map<string, ConvertedTensor>, name: string, tensor: ConvertedTensor): void {
  const there = tensors.get(name);
  if (there === undefined) {
    tensors.set(name, tensor);
    return;
  }
  const message = `"${name}" would come of ${[...there.from, ...tensor.from].join(', ')}: remove those that the model does not need`;
  throw new KeelError('state_dict', message, { key: name });
}

/** Refuses where there is nothing to convert, and parametrizations of other kinds. */
function checkAll(keys: readonly string[], parts: ReadonlySet<string>): void {
  const others = keys.filter((key) => /(^|\.)parametrizations\./.test(key) && !parts.has(key));
  if (others.length === 0 && parts.size > 0) return;
  const some = (others.length > 0 ? others : keys).slice(0, 8).map((key) => `"${key}"`).join(', ');
  const message =
    others.length > 0
      ? `${some} are no keys of weight_norm or spectral_norm: remove the other parametrizations in PyTorch first`
      : `no keys of weight_norm or spectral_norm (weight_g and weight_v, weight_orig, weight_u and weight_v, or ` +
        `parametrizations.weight.*) are among ${some}`;
  throw new KeelError('state_dict', message, { keys });
}
