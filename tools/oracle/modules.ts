// Modules from Python text and from Python's arguments as JSON, and the ops named after them. May import 'evenkeel'.

import * as evenkeel from 'evenkeel';
import * as blocks from 'evenkeel/nn';
import type { Op } from './case.js';
import { isList, type Fields, type Json } from './fields.js';
import { runPasses } from './passes.js';
import { isCall, isName, parsePython, type Python, type PythonCall } from './python.js';

/** An argument of a constructor: a Python value in which every call has become the module it makes. */
export type Argument = null | boolean | number | string | readonly Argument[] | evenkeel.Module;

export type Arguments = Readonly<Record<string, Argument>>;

/** The module that a Python expression such as `nn.Sequential(nn.Linear(3, 4), BatchNorm1d(4))` makes. */
export function buildModule(text: string): evenkeel.Module {
  return fromCall(asCall(text, parsePython(text)));
}

/** The norm of so many channels that a text makes: `LayerNorm(eps=1e-5)`, `GroupNorm(4, C)` and `nn.RMSNorm(16)` alike. */
export function normOf(text: string, channels: number): evenkeel.NormLayer {
  const value = parsePython(text);
  const { callee, args, keywords } = isName(value) ? { callee: value.name, args: [], keywords: new Map() } : asCall(text, value);
  const filled = (each: Python) => (isName(each) && each.name === 'C' ? channels : fromPython(each));
  const named = Object.fromEntries([...keywords].map(([key, each]) => [key, filled(each)]));
  const name = baseName(callee);
  // Channels are the last size.
  const sizes = signatures[name]?.[0].split(' ') ?? [];
  const last = sizes.at(-1) ?? '';
  const isGiven = args.length >= sizes.length || last in named;
  const made = construct(name, args.map(filled), isGiven ? named : { ...named, [last]: channels });
  if (made instanceof evenkeel.NormLayer) return made;
  throw new Error(`${text} is no norm`);
}

/** The module that the class of PyTorch's name makes of Python's arguments, positional and by name. */
export function construct(name: string, args: readonly Argument[], keywords: Arguments = {}): evenkeel.Module {
  // Which classes there are is known only at run time; constructors check what they are given.
  const Class: unknown = Reflect.get(evenkeel, name) ?? Reflect.get(blocks, name);
  if (typeof Class !== 'function') throw new Error(`evenkeel has no class ${name}`);
  const made: unknown = Reflect.construct(Class, name === 'Sequential' ? args : ourArguments(name, args, keywords));
  if (made instanceof evenkeel.Module) return made;
  throw new Error(`${name} is no module`);
}

/** A module whose weight is reparametrized, as `torch.nn.utils` and `torch.nn.utils.parametrizations` do it. */
export function reparametrize(
  callee: string,
  args: readonly Argument[],
  keywords: Arguments = {},
): evenkeel.Module | null {
  const keys = callee.includes('parametrizations.') ? 'parametrized' : 'old';
  switch (baseName(callee)) {
    case 'weight_norm': {
      const { module, name, dim } = arranged(callee, ['module', 'name', 'dim'], args, keywords);
      return evenkeel.weightNorm(asModule(module), { name: asText(name, 'weight'), dim: asDim(dim, 0), keys });
    }
    case 'spectral_norm': {
      const names = ['module', 'name', 'n_power_iterations', 'eps', 'dim'];
      const { module, name, n_power_iterations, eps, dim } = arranged(callee, names, args, keywords);
      return evenkeel.spectralNorm(asModule(module), {
        name: asText(name, 'weight'),
        nPowerIterations: asNumber(n_power_iterations, 1),
        eps: asNumber(eps, 1e-12),
        dim: asDim(dim, null),
        keys,
      });
    }
    case 'remove_weight_norm':
    case 'remove_spectral_norm': {
      const { module, name } = arranged(callee, ['module', 'name'], args, keywords);
      const { removeSpectralNorm, removeWeightNorm } = evenkeel;
      const remove = baseName(callee) === 'remove_weight_norm' ? removeWeightNorm : removeSpectralNorm;
      return remove(asModule(module), asText(name, 'weight'));
    }
    default:
      return null;
  }
}

/** The fields of a JSON object as keyword arguments, but for some. */
export function keywordsOf(fields: Fields, but: readonly string[] = []): Record<string, Argument> {
  const names = fields.names.filter((name) => !but.includes(name));
  return Object.fromEntries(names.map((name) => [name, argument(fields.get(name) ?? null)]));
}

/** A JSON value as an argument. Constructors take lists, numbers, flags, texts and null. */
export function argument(json: Json): Argument {
  if (isList(json)) return json.map(argument);
  // A text such as `nn.GELU()` makes a module, another is a name: `torch.relu`.
  if (typeof json === 'string') return json.endsWith(')') ? buildModule(json) : baseName(json);
  if (typeof json !== 'object' || json === null) return json;
  throw new Error(`a constructor takes no object: ${JSON.stringify(json)}`);
}

/**
 * Arguments of each class by Python's names and in Python's order: those that are positional here too, then those that
 * are options here. Where the order is not given beyond a point, it is keywords only.
 */
const signatures: Readonly<Record<string, readonly [positional: string, options: string]>> = {
  LayerNorm: ['normalized_shape', 'eps elementwise_affine bias'],
  LayerNorm2d: ['num_channels', 'eps elementwise_affine bias'],
  RMSNorm: ['normalized_shape', 'eps elementwise_affine'],
  GroupNorm: ['num_groups num_channels', 'eps affine device dtype bias'],
  LocalResponseNorm: ['size', 'alpha beta k'],
  ...sameFor(['BatchNorm1d', 'BatchNorm2d', 'BatchNorm3d', 'InstanceNorm1d', 'InstanceNorm2d', 'InstanceNorm3d'], [
    'num_features',
    'eps momentum affine track_running_stats device dtype bias',
  ]),
  ...sameFor(['LazyBatchNorm1d', 'LazyBatchNorm2d', 'LazyBatchNorm3d'], [
    '',
    'eps momentum affine track_running_stats device dtype bias',
  ]),
  ...sameFor(['LazyInstanceNorm1d', 'LazyInstanceNorm2d', 'LazyInstanceNorm3d'], [
    '',
    'eps momentum affine track_running_stats device dtype bias',
  ]),
  FrozenBatchNorm2d: ['num_features', 'eps'],
  Linear: ['in_features out_features', 'bias'],
  ...sameFor(['Conv1d', 'Conv2d', 'Conv3d'], [
    'in_channels out_channels kernel_size',
    'stride padding dilation groups bias padding_mode',
  ]),
  ...sameFor(['ConvTranspose1d', 'ConvTranspose2d', 'ConvTranspose3d'], [
    'in_channels out_channels kernel_size',
    'stride padding output_padding groups bias dilation padding_mode',
  ]),
  Embedding: ['num_embeddings embedding_dim', 'padding_idx max_norm norm_type scale_grad_by_freq sparse'],
  Dropout: ['p', 'inplace'],
  Flatten: ['', 'start_dim end_dim'],
  MaxPool2d: ['kernel_size', 'stride padding dilation return_indices ceil_mode'],
  AvgPool2d: ['kernel_size', 'stride padding ceil_mode count_include_pad divisor_override'],
  AdaptiveAvgPool2d: ['output_size', ''],
  ModuleList: ['modules', ''],
  DropPath: ['drop_prob', 'scale_by_keep'],
  StochasticDepth: ['p mode', ''],
  ...sameFor(['LayerScale', 'LayerScale2d'], ['dim', 'init_values inplace']),
  ...sameFor(['Identity', 'Sigmoid', 'Tanh'], ['', '']),
  ...sameFor(['ReLU', 'ReLU6', 'SiLU'], ['', 'inplace']),
  ELU: ['', 'alpha inplace'],
  GELU: ['', 'approximate'],
  LeakyReLU: ['', 'negative_slope inplace'],
  Softplus: ['', 'beta threshold'],
  ...sameFor(['Softmax', 'LogSoftmax'], ['dim', '']),
  MultiheadAttention: ['embed_dim num_heads', 'dropout bias add_bias_kv add_zero_attn kdim vdim batch_first device dtype'],
  ...sameFor(['TransformerEncoderLayer', 'TransformerDecoderLayer'], [
    'd_model nhead',
    'dim_feedforward dropout activation layer_norm_eps batch_first norm_first bias device dtype',
  ]),
  ...sameFor(['BasicBlock', 'Bottleneck'], ['inplanes planes', 'stride downsample groups base_width dilation']),
  TransformerEncoder: ['encoder_layer num_layers', 'norm enable_nested_tensor mask_check'],
  TransformerDecoder: ['decoder_layer num_layers', 'norm'],
  Transformer: [
    '',
    'd_model nhead num_encoder_layers num_decoder_layers dim_feedforward dropout activation custom_encoder custom_decoder ' +
      'layer_norm_eps batch_first norm_first bias device dtype',
  ],
};

/** An op for each class: construct, load the parameters, set the mode, call, differentiate. */
export const modules: Readonly<Record<string, Op>> = Object.fromEntries(
  Object.keys(signatures).map((name): [string, Op] => [
    name,
    (run) => {
      const constructor = run.args.fields('constructor', {});
      const training = run.args.has('mode') ? run.args.text('mode') === 'train' : run.args.flag('training', true);
      const [x = 'x', ...others] = run.args.texts('positional', ['x']);
      if (others.length > 0) throw new Error(`${name} takes one input, got ${[x, ...others].join(', ')}`);
      return runPasses(run, construct(name, [], keywordsOf(constructor)), [{ x, training }]);
    },
  ]),
);

function sameFor(names: readonly string[], signature: readonly [string, string]) {
  return Object.fromEntries(names.map((name) => [name, signature]));
}

function asCall(text: string, value: Python): PythonCall {
  if (isCall(value)) return value;
  throw new Error(`'${text}' makes no module`);
}

function fromCall({ callee, args, keywords }: PythonCall): evenkeel.Module {
  const values = args.map(fromPython);
  const named = Object.fromEntries([...keywords].map(([key, value]) => [key, fromPython(value)]));
  return reparametrize(callee, values, named) ?? construct(baseName(callee), values, named);
}

function fromPython(value: Python): Argument {
  if (isList(value)) return value.map(fromPython);
  if (isCall(value)) return fromCall(value);
  return isName(value) ? baseName(value.name) : value;
}

/** `relu` of `torch.relu`, `Linear` of `nn.Linear`. */
function baseName(dotted: string): string {
  return dotted.slice(dotted.lastIndexOf('.') + 1);
}

/** Python's arguments as ours: sizes by position, the rest as one object in camelCase. */
function ourArguments(name: string, args: readonly Argument[], keywords: Arguments): unknown[] {
  const signature = signatures[name];
  if (signature === undefined) throw new Error(`the runner does not know the arguments of ${name}`);
  const [positional = [], options = []] = signature.map((names) => names.split(' ').filter(Boolean));
  const given = arranged(name, [...positional, ...options], args, keywords);
  // Where a module lies, and how it may be fast, changes no number.
  const unused = ['device', 'dtype', 'enable_nested_tensor', 'mask_check'];
  const named = options.filter((option) => given[option] !== undefined && !unused.includes(option));
  const sizes = positional.map((size) => given[size]);
  if (named.length === 0) return sizes;
  return [...sizes, Object.fromEntries(named.map((option) => [camelCase(option), given[option]]))];
}

/** Arguments under their names, as Python assigns them. */
function arranged(
  callee: string,
  names: readonly string[],
  args: readonly Argument[],
  keywords: Arguments,
): Readonly<Record<string, Argument | undefined>> {
  const unknown = Object.keys(keywords).find((name) => names.indexOf(name) < args.length);
  if (args.length > names.length || unknown !== undefined) {
    throw new Error(`${callee} takes (${names.join(', ')}); ${unknown ?? 'an argument'} is unknown or given twice`);
  }
  return { ...Object.fromEntries(args.map((value, i) => [names[i], value])), ...keywords };
}

/** `key_padding_mask` is `keyPaddingMask`. */
export function camelCase(name: string): string {
  return name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function asModule(value: Argument | undefined): evenkeel.Module {
  if (value instanceof evenkeel.Module) return value;
  throw new Error(`expected a module, got ${String(value)}`);
}

function asText(value: Argument | undefined, fallback: string): string {
  if (value === undefined || typeof value === 'string') return value ?? fallback;
  throw new Error(`expected a text, got ${String(value)}`);
}

function asNumber(value: Argument | undefined, fallback: number): number {
  if (value === undefined || typeof value === 'number') return value ?? fallback;
  throw new Error(`expected a number, got ${String(value)}`);
}

function asDim(value: Argument | undefined, fallback: number | null): number | null {
  return value === undefined ? fallback : value === null ? null : asNumber(value, 0);
}
