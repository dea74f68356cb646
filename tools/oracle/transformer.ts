// Ops of attention and the Transformer: modules that take several inputs, masks, and show what their parts give.
// May import 'evenkeel' and 'evenkeel/nn'.

import { keep, tensor, Tensor, type Module, type Nested } from 'evenkeel';
import type { MultiheadAttention } from 'evenkeel/nn';
import type { Op, Outputs, Run } from './case.js';
import { isList, type Json } from './fields.js';
import { buildModule, camelCase, construct, keywordsOf } from './modules.js';

export const transformer: Readonly<Record<string, Op>> = {
  MultiheadAttention: (run) => runBlock(run, constructed('MultiheadAttention', run), ['query', 'key', 'value']),
  TransformerEncoderLayer: (run) => runBlock(run, constructed('TransformerEncoderLayer', run), ['src']),
  TransformerDecoderLayer: (run) => runBlock(run, constructed('TransformerDecoderLayer', run), ['tgt', 'memory']),
  Transformer: (run) => runBlock(run, constructed('Transformer', run), ['src', 'tgt']),
  TransformerEncoder: (run) => runBlock(run, stack('TransformerEncoder', run), ['src']),
  TransformerDecoder: (run) => runBlock(run, stack('TransformerDecoder', run), ['tgt', 'memory']),
};

function constructed(name: string, run: Run): Module {
  return construct(name, [], keywordsOf(run.args.fields('constructor', {})));
}

/** A stack is made of its layer's arguments, a number of layers and a norm's text. */
function stack(name: string, run: Run): Module {
  const layer = construct(`${name}Layer`, [], keywordsOf(run.args.fields('layer_constructor', {})));
  const norm = (run.args.get('norm') ?? null) === null ? null : buildModule(run.args.text('norm'));
  return construct(name, [layer, run.args.number('num_layers')], { norm });
}

/** Loads the case's state strictly, sets the mode, calls with the inputs and masks, and differentiates by all of them. */
function runBlock(run: Run, module: Module, standard: readonly string[]): Outputs {
  module.loadStateDict(run.stateDict());
  module.train(run.args.has('mode') ? run.args.text('mode') === 'train' : run.args.flag('training', true));
  const parts = watched(run, module);
  const inputs = run.args.texts('positional', standard).map((name) => run.tensor(name));
  const { y, ...others } = resultOf(Reflect.apply(module.forward, module, [...inputs, options(run)]));
  const given = Object.fromEntries(run.inputs.map((name) => [name, run.tensor(name)]));
  const leaves = { ...given, ...Object.fromEntries(module.namedParameters()) };
  const outputs = { ...others, ...Object.fromEntries(parts), y };
  const upstreams = Object.fromEntries(Object.entries(outputs).map(([name, output]) => [`d${name}`, output]));
  return { ...outputs, ...run.gradients(upstreams, leaves) };
}

/** Options of the call: masks as nested lists, true is not attended, and inputs that are passed by name. */
function options(run: Run): Readonly<Record<string, unknown>> {
  const lists = run.args.fields('forward_kwargs', {});
  return Object.fromEntries([
    ...lists.names.map((name): [string, unknown] => [camelCase(name), keyword(lists.get(name) ?? null)]),
    ...run.args.texts('keywords', []).map((name): [string, unknown] => [camelCase(name), run.tensor(name)]),
  ]);
}

function keyword(value: Json): unknown {
  return isList(value) ? tensor(nested(value)) : value;
}

/** A list of truth values, or of numbers, of which the infinite ones are texts. */
function nested(value: Json): Nested {
  if (isList(value)) return value.map(nested);
  return typeof value === 'boolean' ? value : Number(value);
}

function resultOf(result: unknown): Outputs & { readonly y: Tensor } {
  if (result instanceof Tensor) return { y: result };
  // All that these modules give, and that is no tensor, is attention's.
  const { output, weights } = result as ReturnType<MultiheadAttention['forward']>;
  return { y: output, ...(weights === null ? {} : { weights }) };
}

/** Outputs of parts of the module: `layer0_out` is that of layers.0, `encoder_out` and `encoder` that of encoder. */
function watched(run: Run, module: Module): ReadonlyMap<string, Tensor> {
  const seen = new Map<string, Tensor>();
  const modules = new Map(module.namedModules());
  for (const output of run.outputs) {
    const path = output.replace(/_out$/, '').replace(/^layer(\d+)$/, 'layers.$1');
    modules.get(path)?.registerForwardHook((_, __, y) => {
      if (y instanceof Tensor) seen.set(output, keep(y));
    });
  }
  return seen;
}
