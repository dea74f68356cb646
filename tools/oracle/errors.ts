// Cases of torch-errors: whether a call raises, and whether its message holds PyTorch's facts. May import 'evenkeel'.

import {
  batchNorm, groupNorm, instanceNorm, KeelError, layerNorm, Linear, localResponseNorm, normalize, ones, rmsNorm, zeros,
  type Tensor,
} from 'evenkeel';
import { Fields } from './fields.js';
import { argument, construct, keywordsOf, reparametrize } from './modules.js';
import { forward } from './passes.js';

/** What became of a call, as the results file records it. */
export interface Raised {
  readonly raised: boolean;
  readonly message: string | null;
}

/** Makes the call of a case. An error that is no KeelError is a fault of the library or of the runner. */
export function callAndCatch(json: Fields): Raised & { readonly fault: string | null } {
  try {
    call(json);
    return { raised: false, message: null, fault: null };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { raised: true, message, fault: error instanceof KeelError ? null : `${String(error)} is no KeelError` };
  }
}

/** What keeps a case from passing; null: nothing does. */
export function judge(json: Fields, { raised, message }: Raised): string | null {
  const expected = json.flag('raises');
  if (raised !== expected) return expected ? `does not raise: ${json.text('message')}` : `raises: ${message}`;
  if (!expected || !['ValueError', 'RuntimeError'].includes(json.text('error'))) return null;
  const missing = missingFacts(json.text('message'), message ?? '');
  return missing.length === 0 ? null : `the message lacks ${missing.join(', ')}: ${message}`;
}

/** The numbers of a message and its words of over three letters that another lacks; `torch.Size` aside. */
export function missingFacts(expected: string, actual: string): string[] {
  const text = expected.replaceAll('torch.Size', '');
  const lower = actual.toLowerCase();
  const words = new Set(lower.match(word));
  const numbers = new Set(lower.match(number)?.map(Number));
  return [
    ...(text.toLowerCase().match(word) ?? []).filter((each) => each.length > 3 && !words.has(each)),
    ...(text.match(number) ?? []).filter((each) => !numbers.has(Number(each))),
  ];
}

const word = /[a-z_]+/g;
const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;

function call(json: Fields): void {
  const op = json.text('op');
  const args = json.fields('args', {});
  const shape = json.numbers('input_shape');
  if (args.has('state_dict_keys')) loadZeros(op, args, shape[0] ?? 0);
  else if (op === 'weight_norm' || op === 'spectral_norm') {
    const [out = 0, into = 0] = shape;
    reparametrize(op, [new Linear(into, out)], keywordsOf(args));
  } else if (functions[op] !== undefined) functions[op](zeros(shape), args);
  else callModule(op, args, ones(shape));
}

function callModule(op: string, args: Fields, x: Tensor): void {
  const positional = args.list('constructor_args', []).map(argument);
  const module = construct(op, positional, keywordsOf(args.fields('constructor_kwargs', {})));
  forward(module.train(args.flag('training', true)), x);
}

/** Loads zeros under the names of a case into a module of the case's size. */
function loadZeros(op: string, args: Fields, size: number): void {
  const keywords = keywordsOf(args, ['state_dict_keys', 'weight_shape']);
  // A number of groups that is given leaves the size to be that of the channels.
  const module = construct(op, 'num_groups' in keywords ? [] : [size], {
    ...keywords,
    ...('num_groups' in keywords ? { num_channels: size } : {}),
  });
  const own = module.stateDict();
  const entries = args.texts('state_dict_keys').map((key): [string, Tensor] => {
    const shape = key === 'weight' ? args.numbers('weight_shape', own.get(key)?.shape ?? [size]) : own.get(key)?.shape;
    const isCounter = key.endsWith('num_batches_tracked');
    return [key, zeros(shape ?? (isCounter ? [] : [size]), { dtype: isCounter ? 'int64' : 'float32' })];
  });
  module.loadStateDict(new Map(entries));
}

/** Functional forms on a tensor; every other tensor is zeros of `<name>_shape`, or None where that is not given. */
const functions: Readonly<Record<string, (x: Tensor, args: Fields) => Tensor>> = {
  layer_norm: layerNormOf,
  native_layer_norm: layerNormOf,

  rms_norm: (x, args) =>
    rmsNorm(x, args.numbers('normalized_shape'), {
      ...given('weight', zerosOf(args, 'weight')),
      eps: args.numberOrNull('eps', null),
    }),

  group_norm: (x, args) => groupNorm(x, args.number('num_groups'), { ...affine(args), eps: args.number('eps', 1e-5) }),

  batch_norm: (x, args) =>
    batchNorm(x, zerosOf(args, 'running_mean'), zerosOf(args, 'running_var'), {
      ...affine(args),
      training: args.flag('training', false),
      momentum: args.number('momentum', 0.1),
      eps: args.number('eps', 1e-5),
    }),

  instance_norm: (x, args) =>
    instanceNorm(x, {
      ...given('runningMean', zerosOf(args, 'running_mean')),
      ...given('runningVar', zerosOf(args, 'running_var')),
      ...affine(args),
      useInputStats: args.flag('use_input_stats', true),
      momentum: args.number('momentum', 0.1),
      eps: args.number('eps', 1e-5),
    }),

  local_response_norm: (x, args) =>
    localResponseNorm(x, args.number('size'), {
      alpha: args.number('alpha', 1e-4),
      beta: args.number('beta', 0.75),
      k: args.number('k', 1),
    }),

  normalize: (x, args) =>
    normalize(x, { p: args.number('p', 2), dim: args.number('dim', 1), eps: args.number('eps', 1e-12) }),
};

/** `args.args`, where it is given, holds normalized_shape, the shapes of weight and bias, and eps. */
function layerNormOf(x: Tensor, args: Fields): Tensor {
  if (!args.has('args')) {
    return layerNorm(x, args.numbers('normalized_shape'), { ...affine(args), eps: args.number('eps', 1e-5) });
  }
  const [normalized_shape = null, weight_shape = null, bias_shape = null, eps = 1e-5] = args.list('args');
  return layerNormOf(x, new Fields({ normalized_shape, weight_shape, bias_shape, eps }, 'args'));
}

function affine(args: Fields): { weight?: Tensor; bias?: Tensor } {
  return { ...given('weight', zerosOf(args, 'weight')), ...given('bias', zerosOf(args, 'bias')) };
}

function zerosOf(args: Fields, name: string): Tensor | null {
  return (args.get(`${name}_shape`) ?? null) === null ? null : zeros(args.numbers(`${name}_shape`));
}

function given<Name extends string>(name: Name, value: Tensor | null): { [K in Name]?: Tensor } {
  const entries = value === null ? [] : [[name, value]];
  // Object.fromEntries forgets which keys it was given.
  return Object.fromEntries(entries) as { [K in Name]?: Tensor };
}
