// Attention and Transformers against PyTorch's: outputs, gradients of all, recorded backward passes, masks of every kind,
// fresh weights, dropout, memory and refusals. transformer/generate.py has the rows.
import {
  backends, grad, LayerNorm, manualSeed, memory, rand, scope, Tensor, tensor, useBackend, zeros, type KeelError, type Module,
} from 'evenkeel';
import {
  addNorm, Attention, MultiheadAttention, scaledDotProductAttention, SinusoidalPositions, Transformer, TransformerDecoder,
  TransformerDecoderLayer, TransformerEmbedding, TransformerEncoder, TransformerEncoderLayer,
} from 'evenkeel/nn';
import { beforeAll, describe, expect, test } from 'vitest';
import { closeness } from './closeness.js';
import { refusal } from './refusal.js';
import expected from './transformer/expected.json' with { type: 'json' };
import { decoderLayer, encoderLayer, modules, two } from './transformer/modules.js';

interface Entry {
  readonly shape: readonly number[];
  readonly values: string;
}

interface Mask extends Entry {
  readonly dtype: 'bool' | 'float';
}

interface Row {
  readonly id: string;
  readonly module: string;
  readonly shapes: readonly (readonly number[])[];
  readonly share: 'self' | 'kv' | null;
  readonly pass: Readonly<Record<string, Mask | boolean | number>>;
  readonly outputs: readonly Entry[];
  readonly gradients?: Readonly<Record<string, Entry>>;
  readonly second?: Entry;
}

interface Fresh {
  readonly module: string;
  readonly repr: string;
  readonly state: Readonly<Record<string, Entry>>;
  /** The three numbers that the generator gives afterwards. */
  readonly next: string;
}

// The script writes rows of these forms.
const tables = expected as unknown as {
  readonly seed: number;
  readonly modules: readonly Row[];
  readonly functional: readonly Omit<Row, 'id' | 'module' | 'share'>[];
  readonly dropped: readonly (Pick<Row, 'module' | 'shapes' | 'outputs'> & Pick<Fresh, 'next'>)[];
  readonly fresh: readonly Fresh[];
};

type DType = 'float32' | 'float64';

test('every row has its module', () => {
  const rows = [...tables.modules, ...tables.dropped, ...tables.fresh];
  expect(Object.keys(modules).sort()).toEqual([...new Set(rows.map(({ module }) => module))].sort());
});

/** float64 is only on the reference backend, where the script's numbers are met closely. */
const places = [...backends().map((backend) => [backend, 'float32'] as const), ['reference', 'float64'] as const];

describe.each(places)('%s %s', (backend, dtype) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(tables.modules)('$id', (row) => {
    const before = memory().tensors;
    scope(() => {
      const module = made(row.module, dtype);
      const inputs = row.shapes.map((shape) => drawn(shape, dtype));
      const [x = zeros([0]), y = x] = inputs;
      const args = row.share === 'self' ? [x, x, x] : row.share === 'kv' ? [x, y, y] : inputs;
      check(row, Object.fromEntries(module.namedParameters()), inputs, dtype, () => call(module, args, options(row, dtype)));
      // What was copied or converted lives on.
      for (const held of [...module.parameters(), ...module.buffers()]) held.dispose();
    });
    expect(memory().tensors).toBe(before);
  });

  test.each(tables.functional)('scaledDotProductAttention $shapes $pass', (row) => {
    scope(() => {
      manualSeed(tables.seed);
      const inputs = row.shapes.map((shape) => drawn(shape, dtype));
      const [q, k, v] = [inputs[0]!, inputs[1]!, inputs[2]!];
      check(row, {}, inputs, dtype, () => [scaledDotProductAttention(q, k, v, options(row, dtype))]);
    });
  });
});

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  test.each(tables.dropped)('what training drops: $module', (row) => {
    const module = made(row.module, 'float32');
    const [y] = call(module, row.shapes.map((shape) => rand(shape)), {});
    near('y', y, row.outputs[0], 'float32');
    expect(apart(rand([3]), row.next, 1e-7)).toBeNull();
  });

  test.each(tables.fresh)('fresh: $module', ({ module: text, repr, state, next }) => {
    manualSeed(tables.seed);
    const module = modules[text]!();
    expect(apart(rand([3]), next, 1e-7)).toBeNull();
    expect(String(module)).toBe(repr);
    const own = module.stateDict();
    expect([...own.keys()]).toEqual(Object.keys(state));
    for (const [key, entry] of Object.entries(state)) near(key, own.get(key), entry, 'float32');
  });

  test('a pass without a graph leaves its outputs only', () => {
    const layer = encoderLayer({ batchFirst: true });
    const x = rand([2, 5, 8]);
    const before = memory().tensors;
    const { output, weights } = layer.selfAttn.forward(x, x, x, { keyPaddingMask: zeros([2, 5]) });
    layer.forward(x, { srcMask: Transformer.generateSquareSubsequentMask(5) }).dispose();
    for (const each of [output, weights]) each?.dispose();
    // The mask is the caller's.
    expect(memory().tensors).toBe(before + 2);
  });

  test('a norm with a hook is called, and the numbers stay', () => {
    for (const normFirst of [false, true]) {
      const layer = decoderLayer({ normFirst, dropout: 0 });
      const [tgt, memoryOf] = [rand([4, 3, 8]), rand([5, 3, 8])];
      const plain = layer.forward(tgt, memoryOf);
      const seen: string[] = [];
      for (const [name, norm] of Object.entries({ norm1: layer.norm1, norm2: layer.norm2, norm3: layer.norm3 })) {
        norm.registerForwardHook(() => void seen.push(name));
      }
      expect(closeness(layer.forward(tgt, memoryOf).data, plain.data, { rtol: 1e-6, atol: 1e-6 })).toBeNull();
      expect(seen).toEqual(['norm1', 'norm2', 'norm3']);
    }
  });

  test('a causal mask hides what follows', () => {
    const layer = encoderLayer({ dropout: 0, batchFirst: true });
    const [long, short] = [rand([2, 5, 8]), 3];
    const whole = layer.forward(long, { srcMask: Transformer.generateSquareSubsequentMask(5), isCausal: true });
    const head = layer.forward(long.slice(1, 0, short), { srcMask: Transformer.generateSquareSubsequentMask(short) });
    expect(closeness(whole.slice(1, 0, short).data, head.data, { rtol: 1e-5, atol: 1e-6 })).toBeNull();
  });

  test('TransformerEmbedding scales its rows and adds positions', () => {
    const layer = new TransformerEmbedding(7, 4, { maxLength: 3, paddingIdx: 2 });
    const index = tensor([[0, 2, 6]], { dtype: 'int64' });
    const y = layer.forward(index);
    const rows = layer.embedding.forward(index).mul(2).add(layer.positions.pe);
    expect(closeness(y.data, rows.data, { rtol: 0, atol: 1e-6 })).toBeNull();
    expect([...layer.stateDict().keys()]).toEqual(['embedding.weight', 'positions.pe']);
  });
});

test('the square mask', () => {
  expect(Transformer.generateSquareSubsequentMask(3).toArray()).toEqual([[0, -Infinity, -Infinity], [0, 0, -Infinity], [0, 0, 0]]);
});

test('positions of either layout load', () => {
  const [first, second] = [new SinusoidalPositions(4, { maxLength: 3 }), new SinusoidalPositions(4, { maxLength: 3, batchFirst: false })];
  expect([first.pe.shape, second.pe.shape]).toEqual([[1, 3, 4], [3, 1, 4]]);
  expect(first.loadStateDict(second.stateDict()).reshapedKeys).toEqual(['pe']);
  expect(second.loadStateDict(second.stateDict()).reshapedKeys).toEqual([]);
  expect(first.loadStateDict(new Map()).missingKeys).toEqual([]);
});

test("an activation's parameters stay the user's", () => {
  const activation = new LayerNorm(16);
  const model = new Transformer({ ...two, activation });
  expect([...activation.stateDict().values()].map((value) => value.isDisposed)).toEqual([false, false]);
  expect([...model.stateDict().keys()].filter((key) => key.includes('activation'))).toHaveLength(8);
});

test("an encoder and a decoder of one's own", () => {
  const customEncoder = new TransformerEncoder(encoderLayer({ dropout: 0 }), 1);
  const customDecoder = new TransformerDecoder(decoderLayer({ dropout: 0 }), 1);
  const model = new Transformer({ dModel: 8, nhead: 2, customEncoder, customDecoder });
  const [src, tgt] = [rand([5, 2, 8]), rand([4, 2, 8])];
  expect(model.forward(src, tgt).data).toEqual(customDecoder.forward(tgt, customEncoder.forward(src)).data);
});

/** Refused before any work, each with PyTorch's words where PyTorch refuses too. */
describe('refusals', () => {
  const x = zeros([5, 2, 8]);
  const attention = new MultiheadAttention(8, 2);
  const first = new MultiheadAttention(8, 2, { batchFirst: true });
  const encoder = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16 });
  const decoder = new TransformerDecoderLayer(8, 2, { dimFeedforward: 16 });
  const model = new Transformer({ ...two, numEncoderLayers: 1, numDecoderLayers: 1 });
  const self = (pass: Parameters<MultiheadAttention['forward']>[3]) => () => attention.forward(x, x, x, pass);
  const positions = new SinusoidalPositions(4, { maxLength: 3 });

  const rows: readonly (readonly [name: string, code: KeelError['code'], words: readonly string[], run: () => unknown])[] = [
    ['heads that do not divide', 'indivisible', ['embed_dim must be divisible by num_heads', '8', '3'], () => new MultiheadAttention(8, 3)],
    ['heads of a layer', 'indivisible', ['embed_dim must be divisible by num_heads'], () => new TransformerEncoderLayer(8, 5)],
    ['heads of Attention', 'indivisible', ['dim must be divisible by num_heads', '12', '8'], () => new Attention(12)],
    ['no heads', 'size', ['embed_dim and num_heads must be greater than 0, got embed_dim=8 and num_heads=0 instead'], () => new MultiheadAttention(8, 0)],
    ['a dropout', 'argument', ['dropout probability has to be between 0 and 1, but got 2'], () => new MultiheadAttention(8, 2, { dropout: 2 })],
    ['an option', 'argument', ['MultiheadAttention has no option batch_first: did you mean batchFirst?'], () =>
      Reflect.construct(MultiheadAttention, [8, 2, { batch_first: true }])],
    ['features', 'shape', ['was expecting embedding dimension of 8, but got 7'], () => attention.forward(zeros([5, 2, 7]), x, x)],
    ["a key's features", 'shape', ['was expecting', 'kdim of 8, but got 6'], () => attention.forward(x, zeros([5, 2, 6]), x)],
    ["a value's features", 'shape', ['was expecting', 'vdim of 8, but got 6'], () => attention.forward(x, x, zeros([5, 2, 6]))],
    ['lengths of key and value', 'shape', ["key's sequence and batch dims torch.Size([4, 2]) do not match value's torch.Size([5, 2])"], () =>
      attention.forward(x, zeros([4, 2, 8]), x)],
    ['batches', 'shape', ['the batch number of query and key must be equal: 2', '3'], () =>
      attention.forward(x, zeros([5, 3, 8]), zeros([5, 3, 8]))],
    ['a rank', 'rank', ['query should be unbatched 2D or batched 3D tensor but received 4-D query tensor'], () =>
      attention.forward(zeros([1, 5, 2, 8]), x, x)],
    ['mixed ranks', 'rank', ['For batched (3-D) `query`, expected `key` and `value` to be 3-D but found 2-D and 2-D tensors respectively'], () =>
      attention.forward(x, zeros([5, 8]), zeros([5, 8]))],
    ['mixed ranks without a batch', 'rank', ['For unbatched (2-D) `query`, expected `key` and `value` to be 2-D'], () =>
      attention.forward(zeros([5, 8]), x, x)],
    ['a 2-D mask', 'shape', ['The shape of the 2D attn_mask is torch.Size([4, 4]), but should be (5, 5).'], self({ attnMask: zeros([4, 4]) })],
    ['a 3-D mask', 'shape', ['The shape of the 3D attn_mask is torch.Size([2, 5, 5]), but should be (4, 5, 5).'], self({ attnMask: zeros([2, 5, 5]) })],
    ['a 3-D mask without a batch', 'shape', ['Expected `attn_mask` shape to be (2, 5, 5) but got torch.Size([4, 5, 5])'], () =>
      attention.forward(zeros([5, 8]), zeros([5, 8]), zeros([5, 8]), { attnMask: zeros([4, 5, 5]) })],
    ['a 4-D mask', 'rank', ['expected `attn_mask` to be `None`, 2-D or 3-D but found 4-D tensor instead'], self({ attnMask: zeros([1, 1, 5, 5]) })],
    ["a padding mask's keys", 'shape', ['Expected key_padded_mask.shape[1] to be 5, but got 4'], self({ keyPaddingMask: zeros([2, 4]) })],
    ["a padding mask's samples", 'shape', ['Expected key_padded_mask.shape[0] to be 5, but got 2'], () =>
      first.forward(x, x, x, { keyPaddingMask: zeros([2, 5]) })],
    ["a padding mask's rank", 'rank', ['expected `key_padding_mask` to be `None` or 2-D but found 1-D tensor instead'], self({ keyPaddingMask: zeros([5]) })],
    ['an int64 mask', 'dtype', ['only bool and floating types of attn_mask are supported', 'int64'], self({ attnMask: zeros([5, 5], { dtype: 'int64' }) })],
    ['an int64 padding mask', 'dtype', ['only bool and floating types of key_padding_mask are supported'], self({ keyPaddingMask: zeros([2, 5], { dtype: 'int64' }) })],
    ["an int64 mask of a layer's", 'dtype', ['only bool and floating types of src_mask are supported'], () =>
      encoder.forward(x, { srcMask: zeros([5, 5], { dtype: 'int64' }) })],
    ["an int64 padding mask of a layer's", 'dtype', ['only bool and floating types of src_key_padding_mask are supported'], () =>
      encoder.forward(x, { srcKeyPaddingMask: zeros([2, 5], { dtype: 'int64' }) })],
    ["an int64 mask of a stack's", 'dtype', ['only bool and floating types of mask are supported'], () =>
      new TransformerEncoder(encoder, 1).forward(x, { mask: zeros([5, 5], { dtype: 'int64' }) })],
    ['a float64 mask of float32 queries', 'dtype', ['Expected attn_mask dtype to be bool or float or to match query dtype', 'float64', 'float32'],
      self({ attnMask: zeros([5, 5], { dtype: 'float64' }) })],
    ['a float64 padding mask', 'dtype', ['Expected key_padding_mask dtype'], self({ keyPaddingMask: zeros([2, 5], { dtype: 'float64' }) })],
    ['a float64 mask of the function', 'dtype', ['Expected attn_mask dtype'], () =>
      scaledDotProductAttention(x, x, x, { attnMask: zeros([2, 2], { dtype: 'float64' }) })],
    ['a dropout of text', 'argument', ["dropout probability has to be between 0 and 1, but got the string '0.1'"], () =>
      Reflect.construct(MultiheadAttention, [8, 2, { dropout: '0.1' }])],
    ['a dropout of null, of the function', 'argument', ['between 0 and 1, but got null'], () =>
      Reflect.apply(scaledDotProductAttention, null, [x, x, x, { dropoutP: null }])],
    ['a class as the norm', 'argument', ['such as (channels) => new LayerNorm(channels), got the class LayerNorm'], () =>
      Reflect.construct(TransformerEncoderLayer, [8, 2, { normLayer: LayerNorm }])],
    ['a class as the layer', 'argument', ['the class TransformerEncoderLayer is no Module but makes one'], () =>
      Reflect.construct(TransformerEncoder, [TransformerEncoderLayer, 2])],
    ['an encoder of its own that is none', 'argument', ['3 is no Module'], () => Reflect.construct(Transformer, [{ customEncoder: 3 }])],
    ['ranks of src and tgt', 'rank', ['both be batched 3-D or both unbatched 2-D'], () => model.forward(zeros([5, 8]), x)],
    ['a mask of a million tokens', 'size', ['1000000 × 1000000'], () => Transformer.generateSquareSubsequentMask(1e6)],
    ['an input of no layers', 'argument', ['TransformerEncoder takes a Tensor'], () =>
      Reflect.apply(TransformerEncoder.prototype.forward, new TransformerEncoder(encoder, 0), [3])],
    ['a norm to add to that is none', 'argument', ['3 is no Module'], () => Reflect.apply(addNorm, null, [3, x, x])],
    ['a hint alone', 'argument', ['Need attn_mask if specifying the is_causal hint'], self({ isCausal: true })],
    ['a hint alone, of a layer', 'argument', ['Need attn_mask if specifying the is_causal hint'], () => decoder.forward(x, x, { tgtIsCausal: true })],
    ["a decoder's memory mask", 'shape', ['The shape of the 2D attn_mask is torch.Size([5, 4]), but should be (5, 5).'], () =>
      decoder.forward(x, x, { memoryMask: zeros([5, 4]) })],
    ['an activation', 'argument', ['activation should be relu/gelu, not silu'], () =>
      Reflect.construct(TransformerEncoderLayer, [8, 2, { activation: 'silu' }])],
    ['a norm that is none', 'argument', ['normLayer is a function'], () =>
      Reflect.construct(TransformerDecoderLayer, [8, 2, { normLayer: new LayerNorm(8) }])],
    ['a number of layers', 'size', ['num_layers must be a whole number from 0, got 1.5'], () => new TransformerEncoder(encoder, 1.5)],
    ['a stack of nothing', 'argument', ['is no Module'], () => Reflect.construct(TransformerDecoder, [null, 2])],
    ['batches of src and tgt', 'shape', ['the batch number of src and tgt must be equal', '2', '3'], () => model.forward(x, zeros([4, 3, 8]))],
    ['features of src and tgt', 'shape', ['the feature number of src and tgt must be equal to d_model', '8', '6'], () => model.forward(x, zeros([4, 2, 6]))],
    ["a model's mask", 'shape', ['The shape of the 2D attn_mask is torch.Size([5, 5]), but should be (4, 4).'], () =>
      model.forward(x, zeros([4, 2, 8]), { tgtMask: zeros([5, 5]) })],
    ['a sequence beyond the positions', 'shape', ['a sequence of 5 tokens is beyond the 3 positions', 'maxLength: 5'], () => positions.forward(zeros([2, 5, 4]))],
    ['tokens beyond the positions', 'shape', ['a sequence of 5 tokens is beyond the 3 positions'], () =>
      new TransformerEmbedding(9, 4, { maxLength: 3 }).forward(zeros([5], { dtype: 'int64' }))],
    ['features of positions', 'shape', ['4', '6'], () => positions.forward(zeros([2, 3, 6]))],
    ['a rank of positions', 'rank', ['(N, T, 4)'], () => positions.forward(zeros([4]))],
    ['tokens of Attention', 'shape', ['(N, T, 8)', '2 × 5 × 6'], () => new Attention(8).forward(zeros([2, 5, 6]))],
    ['no batch for Attention', 'rank', ['(N, T, 8)'], () => new Attention(8).forward(zeros([5, 8]))],
    ['a mask and isCausal', 'argument', ['Explicit attn_mask should not be set when is_causal=True'], () =>
      scaledDotProductAttention(x, x, x, { attnMask: zeros([2, 2]), isCausal: true })],
    ['a mask that does not broadcast', 'shape', ['must match the existing size', '3 × 2', '5 × 2 × 2'], () =>
      scaledDotProductAttention(x, x, x, { attnMask: zeros([3, 2]) })],
    ['queries of other features', 'shape', ['4 × 5', '6 × 3'], qkv([4, 5], [6, 3], [6, 3])],
    ['values of another length', 'shape', ['6 × 5', '4 × 2'], qkv([4, 5], [6, 5], [4, 2])],
    ['a vector', 'rank', ['at least 2 dimensional'], qkv([5], [6, 5], [6, 5])],
    ['batches that do not broadcast', 'shape', ['must match the size of tensor b'], qkv([2, 4, 5], [3, 6, 5], [3, 6, 5])],
    ['an int64 query', 'dtype', ['expected scalar type Float but found int64'], () =>
      attention.forward(zeros([5, 8], { dtype: 'int64' }), zeros([5, 8]), zeros([5, 8]))],
    ['a query that is none', 'argument', ['takes a Tensor'], () => Reflect.apply(attention.forward, attention, [x])],
  ];

  test.each(rows)('%s', (_, code, words, run) => {
    const error = refusal(run);
    expect(error.code).toBe(code);
    for (const word of words) expect(error.message).toContain(word);
  });
});

function qkv(q: number[], k: number[], v: number[]) {
  return () => scaledDotProductAttention(zeros(q), zeros(k), zeros(v));
}

/** The module of a text with the script's parameters. */
function made(text: string, dtype: DType): Module {
  const module = modules[text]!();
  manualSeed(tables.seed);
  scope(() => {
    const values = module.namedParameters().map(([key, { shape }]) => [key, rand(shape).sub(0.5)] as const);
    module.loadStateDict(new Map([...module.stateDict(), ...values]));
  });
  return module.to(dtype);
}

/** Uniform numbers of float32 in a dtype. */
function drawn(shape: readonly number[], dtype: DType): Tensor {
  const x = rand(shape).to(dtype);
  x.requiresGrad = true;
  return x;
}

function options({ pass }: Pick<Row, 'pass'>, dtype: DType): Readonly<Record<string, Tensor | boolean | number>> {
  const entries = Object.entries(pass).map(([name, value]) => [name, typeof value === 'object' ? maskOf(value, dtype) : value] as const);
  return Object.fromEntries(entries);
}

function maskOf({ shape, values, dtype }: Mask, float: DType): Tensor {
  if (dtype === 'bool') return tensor(numbers(values).map(Boolean), shape);
  return tensor(numbers(values), shape, { dtype: float });
}

/** The tensors that a pass gives. */
function call(module: Module, inputs: readonly Tensor[], pass: object): Tensor[] {
  const result: unknown = Reflect.apply(module.forward, module, Object.keys(pass).length === 0 ? inputs : [...inputs, pass]);
  if (result instanceof Tensor) return [result];
  // All that these modules give, and that is no tensor, is attention's.
  const { output, weights } = result as ReturnType<MultiheadAttention['forward']>;
  return weights === null ? [output] : [output, weights];
}

/** Outputs, gradients of inputs and parameters, the same of a recorded pass, and the gradient of the first one's squares. */
function check(
  row: Pick<Row, 'outputs' | 'gradients' | 'second'>,
  parameters: Readonly<Record<string, Tensor>>,
  inputs: readonly Tensor[],
  dtype: DType,
  forward: () => Tensor[],
): void {
  const outputs = forward();
  expect(outputs).toHaveLength(row.outputs.length);
  outputs.forEach((y, i) => near(`output ${i}`, y, row.outputs[i], dtype));
  if (row.gradients === undefined) return;
  const leaves = { ...Object.fromEntries(inputs.map((x, i) => [`input${i}`, x])), ...parameters };
  const gradOutputs = outputs.map(({ shape }) => rand(shape).to(dtype));
  const gradients = (ys: Tensor[], createGraph: boolean) => grad(ys, Object.values(leaves), { gradOutputs, createGraph });
  for (const [how, found] of [['', gradients(outputs, false)], ['recorded ', gradients(forward(), true)]] as const) {
    const byName = Object.keys(leaves).flatMap((name, i) => (found[i] ? [[name, found[i]] as const] : []));
    expect(byName.map(([name]) => name)).toEqual(Object.keys(row.gradients));
    for (const [name, dx] of byName) near(`${how}gradient of ${name}`, dx, row.gradients[name], dtype);
    const [dx] = found;
    if (how === '' || row.second === undefined || !dx) continue;
    near('second derivative', grad(dx.mul(dx).sum(), inputs[0]!)[0], row.second, dtype);
  }
}

function near(name: string, actual: Tensor | null | undefined, entry: Entry | undefined, dtype: DType): void {
  expect([name, actual?.shape]).toEqual([name, entry?.shape]);
  expect([name, apart(actual, entry?.values ?? '', dtype === 'float64' ? 1e-8 : 2e-5)]).toEqual([name, null]);
}

/** What is further from the numbers of a text than a share of the largest of them, or of 1. */
function apart(actual: Tensor | null | undefined, values: string, share: number): string | null {
  const wanted = Float64Array.from(numbers(values));
  const largest = wanted.reduce((most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most), 1);
  return closeness(actual?.data ?? new Float64Array(), wanted, { rtol: 0, atol: share * largest });
}

/** Numbers as Python prints them. */
function numbers(text: string): number[] {
  return text.split(' ').filter(Boolean).map((number) => Number(number.replace('inf', 'Infinity')));
}

test.each([
  ['tgtMask', { tgtMask: zeros([3, 3]) }, 'The shape of the 2D attn_mask is torch.Size([3, 3]), but should be (4, 4).'],
  ['tgtKeyPaddingMask', { tgtKeyPaddingMask: zeros([2, 5]) }, 'Expected key_padded_mask.shape[1] to be 4, but got 5'],
  ['memoryMask', { memoryMask: zeros([4, 4]) }, 'The shape of the 2D attn_mask is torch.Size([4, 4]), but should be (4, 5).'],
  ['memoryKeyPaddingMask', { memoryKeyPaddingMask: zeros([2, 4]) }, 'Expected key_padded_mask.shape[1] to be 5, but got 4'],
] as const)('a wrong %s is refused before the encoder runs', (_, masks, words) => {
  const model = new Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 8 });
  let passes = 0;
  model.encoder.registerForwardPreHook(() => void passes++);
  const error = refusal(() => model.forward(zeros([5, 2, 8]), zeros([4, 2, 8]), masks));
  expect(error.message).toContain(words);
  expect(passes).toBe(0);
});
