// What a user of models gets wrong, and is told: which argument, what was given, and the way out.
import {
  clipGradNorm_, CosineAnnealingLR, crossEntropy, DataLoader, keep, LayerNorm, Linear, Module, noDecay, OneCycleLR, ones, randn,
  ReLU, scope, Sequential, SGD, softmax, StepLR, tensor, type ErrorCode, type Tensor,
} from 'evenkeel';
import {
  BasicBlock, ConvNeXt, MultiheadAttention, ResNet, Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder,
  TransformerEncoderLayer, VisionTransformer,
} from 'evenkeel/nn';
import { expect, test } from 'vitest';
import { refusal } from './refusal.js';

/** Passes for any type, as in a program without types. */
const anything = (value: unknown): never => value as never;

const x = randn([3, 2, 8]);
const model = new Sequential(new Linear(2, 2));
const layer = new TransformerEncoderLayer(8, 2, { dimFeedforward: 8 });
const attention = new MultiheadAttention(8, 2);
const sizes = { patchSize: 4, dim: 8, depth: 1, numHeads: 2, numClasses: 2 };
const vit = new VisionTransformer({ ...sizes, imageSize: 8 });
const convnext = new ConvNeXt({ depths: [1, 1], dims: [4, 8], numClasses: 2 });
const resnet = new ResNet(BasicBlock, [1, 1], { widths: [4, 8], numClasses: 2 });
const missing = anything(undefined);
const sgd = () => new SGD(model.parameters());
class Minified extends Module {
  static readonly type = 'Noise';

  forward(): void {}
}
const quotes = (text: string): number => (text.match(/"/g) ?? []).length / 2;

test.each<[name: string, f: () => unknown, code: ErrorCode, ...facts: string[]]>([
  ['a class among layers', () => new Sequential(new Linear(2, 2), anything(ReLU)), 'argument', 'the class ReLU is no Module but makes one: new ReLU(...)'],
  ['a class as the layer to stack', () => new TransformerEncoder(anything(TransformerEncoderLayer), 2), 'argument', 'the class TransformerEncoderLayer is no Module but makes one'],
  ['a class of another kind', () => new Sequential(anything(Map)), 'argument', 'the function Map is no Module'],
  ['a class that minifiers renamed', () => softmax(anything(Minified), 0), 'argument', 'got the class Noise'],
  ['a function among layers', () => new Sequential(anything(softmax)), 'argument', 'the function softmax is no Module: call it in the forward'],
  ['a nameless one', () => new Sequential(anything(() => x)), 'argument', 'a function is no Module'],
  ['a class as the options', () => new LayerNorm(8, anything(ReLU)), 'argument', 'LayerNorm takes its options as an object, such as { eps: 0.00001 }; got the class ReLU'],
  ['a class as a size', () => new Linear(anything(Linear), 2), 'size', 'in_features must be a whole number from 0, got the class Linear'],
  ['a norm by its place', () => new TransformerEncoder(layer, 2, anything(new LayerNorm(8))), 'argument', 'TransformerEncoder takes its options as an object, such as { norm: ... }; got a LayerNorm'],
  ['a mask by its place', () => layer.forward(x, anything(ones([3, 3]))), 'argument', 'TransformerEncoderLayer.forward takes its options as an object, such as { srcMask: ... }; got a Tensor'],
  ['tMax by its place', () => new CosineAnnealingLR(sgd(), anything(10)), 'argument', 'such as { tMax: ... }; got 10'],
  ['no tMax', () => new CosineAnnealingLR(sgd(), anything({})), 'argument', 'CosineAnnealingLR needs the option tMax: give { tMax: ... }'],
  ['no stepSize', () => new StepLR(sgd(), anything({})), 'argument', 'StepLR needs the option stepSize'],
  ['no maxLr', () => new OneCycleLR(sgd(), anything({})), 'argument', 'OneCycleLR needs the option maxLr'],
  ['a model as the optimizer', () => new StepLR(anything(model), { stepSize: 1 }), 'argument', 'a Sequential is not an Optimizer'],
  ['parameters for noDecay', () => noDecay(anything(model.parameters())), 'argument', 'noDecay takes the model itself', 'noDecay(model), got a list'],
  ['a model as its parameters', () => new SGD(anything(new Linear(2, 2))), 'argument', 'got a Linear: give model.parameters()'],
  ['an iterable model', () => new SGD(anything(model)), 'argument', 'got a Sequential: give model.parameters()'],
  ['modules as parameters', () => new SGD(anything([new Linear(2, 2)])), 'argument', 'one of the params is a Linear, at 0: give model.parameters()'],
  ['named parameters', () => new SGD(anything(model.namedParameters())), 'argument', 'one of the params is a list, at 0: give model.parameters()'],
  ['a model to clip', () => clipGradNorm_(anything(model), 1), 'argument', 'give model.parameters()'],
  ['attention of one', () => attention.forward(x, missing, missing), 'argument', 'MultiheadAttention.forward(query, key, value) takes a Tensor as key, got undefined', 'forward(x, x, x)'],
  ['attention of two', () => attention.forward(x, x, missing), 'argument', 'takes a Tensor as value, got undefined'],
  ['a decoder layer without memory', () => new TransformerDecoderLayer(8, 2).forward(x, missing), 'argument', 'TransformerDecoderLayer.forward(tgt, memory) takes a Tensor as memory'],
  ['a decoder without memory', () => new TransformerDecoder(new TransformerDecoderLayer(8, 2), 1).forward(x, missing), 'argument', 'TransformerDecoder.forward(tgt, memory)'],
  ['a transformer without target', () => new Transformer({ dModel: 8, nhead: 2, dimFeedforward: 8 }).forward(x, missing), 'argument', 'Transformer.forward(src, tgt) takes a Tensor as tgt'],
  ['a promise of a state', () => model.loadStateDict(anything(Promise.resolve(model.stateDict()))), 'state_dict', 'got a Promise: await it, as in loadStateDict(await load(path))'],
  ['a module as a state', () => model.loadStateDict(anything(model)), 'state_dict', 'got a Sequential: give its module.stateDict()'],
  ['strict, misspelt', () => model.loadStateDict(model.stateDict(), anything({ strcit: false })), 'argument', 'no option strcit'],
  ['strict by its place', () => model.loadStateDict(model.stateDict(), anything(false)), 'argument', 'such as { strict: true }; got false'],
  ['labels in floats', () => crossEntropy(randn([3, 4]), tensor([0, 1, 2])), 'dtype', "{ dtype: 'int64' }", 'float32'],
  ['channels last for a ViT', () => vit.forward(ones([2, 8, 8, 3])), 'shape', 'its 3 channels last', 'x.permute([0, 3, 1, 2])'],
  ['channels last for a ConvNeXt', () => convnext.forward(ones([2, 8, 8, 3])), 'shape', 'to have 3 channels, but got 8', 'x.permute([0, 3, 1, 2])'],
  ['channels last for a ResNet', () => resnet.forward(ones([2, 8, 8, 3])), 'shape', 'the last axis has 3; permute the channels first, x.permute([0, 3, 1, 2])'],
  ['too small an image', () => convnext.forward(ones([2, 3, 8, 4])), 'shape', "Kernel size can't be greater than actual input size", 'patch 4 and 2 stages takes images from 8 × 8, got 8 × 4'],
  ['an async turn', () => new DataLoader([x]).forEach(anything(async () => {})), 'argument', 'DataLoader.forEach takes no async function', 'for (const batch of loader)'],
  ['no turn', () => new DataLoader([x]).forEach(missing), 'argument', 'takes a function of a batch, got undefined'],
])('%s', (_, f, code, ...facts) => {
  const { code: got, message } = refusal(f);
  expect([got, message]).toEqual([code, expect.any(String)]);
  for (const fact of facts) expect(message).toContain(fact);
});

const reductions: [name: string, f: (options: never) => unknown][] = [
  ['sum', (options) => x.sum(0, options)],
  ['mean', (options) => x.mean(0, options)],
  ['var', (options) => x.var(0, options)],
  ['max', (options) => x.max(0, options)],
  ['min', (options) => x.min(0, options)],
  ['vectorNorm', (options) => x.vectorNorm(3, 0, options)],
  ['vectorNorm', (options) => x.vectorNorm(Infinity, 0, options)],
];

test.each(reductions)('options of %s', (name, f) => {
  const given: [options: unknown, message: RegExp][] = [
    [{ keepdims: true }, /^\w+ has no option keepdims: choose from (unbiased, )?keepdim$/],
    [true, /^\w+ takes its options as an object .*; got the boolean true$/],
    [null, /^\w+ takes its options as an object .*; got null$/],
    [{ keepdim: 1 }, /^\w+: keepdim must be true or false, got 1$/],
  ];
  for (const [options, words] of given) {
    const { code, message } = refusal(() => f(anything(options)));
    expect([code, message]).toEqual(['argument', expect.stringMatching(words)]);
    expect(message.startsWith(name)).toBe(true);
  }
  expect(() => f(anything({ keepdim: undefined }))).not.toThrow();
});

test('a tensor that outlived its scope', () => {
  const left = scope(() => {
    const [row, one] = [ones([2, 3]), tensor(1)];
    return { row: () => row, one: () => one, kept: keep(ones([1])) };
  });
  expect(refusal(() => left.row().add(1))).toMatchObject({
    code: 'disposed',
    message: 'this tensor of 2 × 3 was disposed, as scopes do at their end: return it from the scope, keep(t), or compute it again',
    data: { shape: [2, 3] },
  });
  expect(refusal(() => left.one().add(1)).message).toMatch(/^this tensor, a scalar, was disposed/);
  expect(left.kept.add(1).toArray()).toEqual([2]);
});

test('a state of another model says whose it is, and names the first of its keys', () => {
  const { message } = refusal(() => convnext.loadStateDict(vit.stateDict()));
  const [title, whose, lacking = '', unknown = ''] = message.split('\n\t');
  expect(title).toBe('Error(s) in loading state_dict for ConvNeXt:');
  expect(whose).toBe('These are the keys of a VisionTransformer (timm layout): load them into one.');
  const state = convnext.stateDict();
  // Of the same names are the weights and biases of norm and head.
  const [absent, foreign] = [state.size - 4, vit.stateDict().size - 4];
  expect([quotes(lacking), quotes(unknown)]).toEqual([20, foreign]);
  expect(lacking).toMatch(new RegExp(`^Missing key\\(s\\) in state_dict: .* and ${absent - 20} more\\. $`));
  expect(refusal(() => resnet.loadStateDict(convnext.stateDict())).message).toContain('the keys of a ConvNeXt (facebook layout)');
  // One of its own is named whole, as in PyTorch.
  const own = refusal(() => convnext.loadStateDict(new Map([...state].slice(0, 1)))).message;
  expect(quotes(own)).toBe(state.size - 1);
  expect(own).not.toContain('These are');
});

test('positions of another image size', () => {
  const { code, message } = refusal(() => new VisionTransformer({ ...sizes, imageSize: 16 }).loadStateDict(vit.stateDict()));
  expect(code).toBe('state_dict');
  expect(message).toContain('pos_embed is of images of another size: it has 5 positions, and this model of 16 × 16 images has 17');
  expect(message).toContain('size mismatch for pos_embed');
});

test('a layer of a Sequential that refuses says which it is, with its own code and numbers', () => {
  const inner = new LayerNorm(6);
  const nested = new Sequential(new ReLU(), new Sequential(new Linear(4, 8), inner));
  const alone = refusal(() => inner.forward(ones([2, 8])));
  const within = refusal(() => nested.forward(ones([2, 4])));
  expect([within.code, within.data]).toEqual([alone.code, alone.data]);
  expect(within.message).toBe(`${alone.message}, in layer 1 (LayerNorm), in layer 1 (Sequential)`);
  expect(within.stack).toContain(within.message);
  class Broken extends ReLU {
    override forward(): Tensor {
      throw new TypeError('of its own');
    }
  }
  expect(() => new Sequential(new Broken()).forward(x)).toThrow(new TypeError('of its own'));
});
