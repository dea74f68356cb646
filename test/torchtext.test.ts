// layerFrom against what PyTorch makes of the same texts, and the texts of this library's own layers.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, explain, FrozenBatchNorm2d, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
  KeelError, LayerNorm, LayerNorm2d, layerFrom, LazyBatchNorm2d, LazyInstanceNorm1d, LocalResponseNorm, RMSNorm,
  type ErrorCode, type Module, type NormLayer,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

const seed = 20190608;

interface Expected {
  readonly layers: readonly { readonly text: string; readonly repr: string }[];
  readonly refused: readonly string[];
}

// expected.json is what generate.py beside it writes.
const expected = JSON.parse(await readFile('test/torchtext/expected.json', 'utf8')) as Expected;

describe('as PyTorch reads it', () => {
  test.each(expected.layers)('$text', ({ text, repr }) => {
    expect(String(layerFrom(text))).toBe(repr);
  });

  test.each(expected.layers)('$repr', ({ repr }) => {
    expect(String(layerFrom(repr))).toBe(repr);
  });

  test.each(expected.refused)('refuses %s', (text) => {
    expect(() => layerFrom(text)).toThrow(KeelError);
  });
});

describe('texts of other releases, libraries and places', () => {
  test.each([
    ['LayerNorm((4,), eps=1e-05, elementwise_affine=True)', 'LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)'],
    ['(bn1): BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)', 'BatchNorm2d(64, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'],
    ['  (0): GroupNorm(3, 6, eps=1e-05, affine=True),', 'GroupNorm(3, 6, eps=1e-05, affine=True, bias=True)'],
    ['self.norm1 = nn.LayerNorm(\n  64,\n  eps=1e-6,\n)\n', 'LayerNorm((64,), eps=1e-06, elementwise_affine=True, bias=True)'],
    ['torch.nn.modules.normalization.RMSNorm(4)', 'RMSNorm((4,), eps=None, elementwise_affine=True)'],
    ['torchvision.ops.FrozenBatchNorm2d(64, eps=0.0)', 'FrozenBatchNorm2d(64, eps=0)'],
    ['torchvision.models.convnext.LayerNorm2d(96, eps=1e-6)', 'LayerNorm2d((96,), eps=1e-06, elementwise_affine=True, bias=True)'],
    ['LayerNorm2d((96,), eps=1e-06, elementwise_affine=True)', 'LayerNorm2d((96,), eps=1e-06, elementwise_affine=True, bias=True)'],
    ['LayerNorm2d(96)', 'LayerNorm2d((96,), eps=1e-05, elementwise_affine=True, bias=True)'],
    ['timm.layers.LayerNorm2d(96)', 'LayerNorm2d((96,), eps=1e-06, elementwise_affine=True, bias=True)'],
    ['LayerNorm2d(num_channels=96, affine=False)', 'LayerNorm2d((96,), eps=1e-06, elementwise_affine=False, bias=False)'],
    ['timm.layers.LayerNorm(8)', 'LayerNorm((8,), eps=1e-06, elementwise_affine=True, bias=True)'],
    ['nn.LayerNorm(4, device="cuda:0")', 'LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)'],
  ])('%j', (text, repr) => {
    expect(String(layerFrom(text))).toBe(repr);
  });
});

describe('the same layer from its own texts', () => {
  const layers: [layer: NormLayer, shape: number[]][] = [
    [new LayerNorm([3, 4], { eps: 1e-12, bias: false }), [2, 3, 4]],
    [new RMSNorm(4, { eps: 0.25 }), [2, 4]],
    [new GroupNorm(2, 4, { affine: false }), [2, 4]],
    [new BatchNorm1d(3, { momentum: null }), [2, 3]],
    [new BatchNorm2d(3, { trackRunningStats: false }), [2, 3, 2, 2]],
    [new BatchNorm3d(3, { bias: false }), [2, 3, 2, 2, 2]],
    [new InstanceNorm1d(3), [2, 3, 2]],
    [new InstanceNorm2d(3, { affine: true, eps: 2 }), [2, 3, 2, 2]],
    [new InstanceNorm3d(3, { trackRunningStats: true }), [2, 3, 2, 2, 2]],
    [new FrozenBatchNorm2d(3, { eps: 1e-3 }), [2, 3, 2, 2]],
    [new LazyBatchNorm2d({ momentum: 0.2 }), [2, 3, 2, 2]],
    [new LazyInstanceNorm1d({ affine: false }), [2, 3, 2]],
  ];
  test.each(layers)('%s', (layer, shape) => {
    expect(String(layerFrom(String(layer)))).toBe(String(layer));
    expect(String(layerFrom(explain(layer, shape).data.pytorch))).toBe(String(layer));
  });

  test.each<Module>([new LayerNorm2d(3, { eps: 3 }), new LocalResponseNorm(3, { k: 2.5 })])('%s', (layer) => {
    expect(String(layerFrom(String(layer)))).toBe(String(layer));
  });
});

describe('refusals', () => {
  test.each<[text: string, code: ErrorCode, message: string]>([
    ['', 'syntax', "the text ends where there should be a layer's name"],
    ['   ', 'syntax', 'the text ends'],
    ['nn.LayerNorm', 'syntax', 'the text ends where there should be the arguments'],
    ['nn.LayerNorm(', 'syntax', 'the text ends where there should be an argument\n  nn.LayerNorm(\n               ^'],
    ['nn.LayerNorm(3) nn.LayerNorm(4)', 'syntax', 'goes on after the call\n  nn.LayerNorm(3) nn.LayerNorm(4)\n                  ^'],
    ['nn.LayerNorm(2**6)', 'syntax', '* has no place in a layer\n  nn.LayerNorm(2**6)\n                ^'],
    ['nn.LayerNorm(dim)', 'argument', 'normalized_shape must be a whole number or a list'],
    ['nn.LayerNorm(len(x))', 'syntax', 'len is a call, not a value'],
    ['nn.LayerNorm(+4, eps=-)', 'syntax', '- has no place'],
    ['nn.LayerNorm(1e)', 'syntax', '1e is no number'],
    ['nn.LayerNorm(1__0)', 'syntax', '1__0 is no number'],
    ["nn.LayerNorm('a\\'b')", 'syntax', "' has no place"],
    ['nn.LayerNorm(é)', 'syntax', 'U+00E9 has no place'],
    ['nn.LayerNorm([3, (4, 5)])', 'syntax', 'a list within a list'],
    ['nn.LayerNorm([3, 4)', 'syntax', ') stands where there should be a comma or ]'],
    ['nn.LayerNorm(4, eps="a")', 'argument', 'LayerNorm: eps must be a number, such as 1e-05\n  nn.LayerNorm(4, eps="a")\n                      ^^^\n  here it is a string'],
    ['nn.LayerNorm(4, eps=True)', 'argument', 'here it is True'],
    ['nn.LayerNorm(4, eps=None)', 'argument', 'here it is None'],
    ['nn.LayerNorm(4, eps=[1])', 'argument', 'here it is a list'],
    ['nn.LayerNorm(4, bias=torch.tensor)', 'argument', 'bias must be True or False'],
    ['nn.LayerNorm(4, 1e-5, 1)', 'argument', 'elementwise_affine must be True or False'],
    ['nn.LayerNorm(4, epss=1)', 'name', 'LayerNorm has no argument epss (did you mean eps?)\n  nn.LayerNorm(4, epss=1)\n                  ^^^^\n  its arguments are normalized_shape, eps'],
    ['nn.LayerNorm(4, x=1)', 'name', 'LayerNorm has no argument x\n'],
    ['nn.LayerNorm(4, affine=False)', 'name', 'has no argument affine'],
    ['nn.GroupNorm(3)', 'argument', 'GroupNorm needs num_channels\n  nn.GroupNorm(3)\n                ^'],
    ['nn.GroupNorm(3, 6.0)', 'argument', 'num_channels must be a whole number, such as 6\n  nn.GroupNorm(3, 6.0)\n                  ^^^\n  here it is the number 6'],
    ['nn.GroupNorm(3, 6, 1e-5, True, None, None, True)', 'argument', 'takes 6 arguments by their place'],
    ['nn.GroupNorm(3, 6, num_groups=3)', 'argument', 'is given num_groups twice'],
    ['nn.GroupNorm(4, 6)', 'indivisible', 'choose from 1, 2, 3, 6'],
    ['nn.GroupNorm(0, 6)', 'argument', 'greater than 0'],
    ['nn.LayerNorm(-3)', 'size', 'got -3'],
    ['nn.LayerNorm(4, dtype=torch.float64)', 'dtype', 'parameters are torch.float32 here'],
    ['nn.LayerNorm([4096, 4097])', 'size', 'asks for 16781312 values'],
    ['nn.BatchNorm2d(99999999999999999999)', 'size', 'a text may ask for at most 16777216'],
    ['LayerNorm2d([3, 4])', 'argument', 'normalized_shape is one number of channels'],
    ['nn.GroupNrom(3, 6)', 'name', 'no layer nn.GroupNrom is known here (did you mean GroupNorm?)\n  nn.GroupNrom(3, 6)\n  ^^^^^^^^^^^^'],
    ['nn.Linear(3, 6)', 'name', 'no layer nn.Linear is known here\n'],
    ['nn.BatchNorm(3)', 'name', 'say of which rank'],
    ['nn.SyncBatchNorm(3)', 'name', 'on one device it is BatchNorm1d'],
    ['F.layer_norm(x, (3,))', 'name', 'this is the function'],
    ['timm.layers.GroupNorm(32, 8)', 'name', "timm's takes num_channels first"],
    ['timm.layers.BatchNorm2d(8)', 'name', 'choose from LayerNorm, LayerNorm2d'],
    ['nn.constructor(3)', 'name', 'no layer nn.constructor'],
    ['nn.__proto__(3)', 'name', 'no layer'],
    ['constructor.LayerNorm(3)', 'name', 'constructor is not known here'],
    ['tf.LayerNorm(3)', 'name', 'layers are those of torch.nn'],
    [`nn.LayerNorm(${'1, '.repeat(400)})`, 'syntax', 'has 1214 characters; a layer has at most 1000'],
  ])('%j', (text, code, message) => {
    const error = refusal(() => layerFrom(text));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });

  test.each([undefined, null, 3, ['nn.LayerNorm(3)']])('what is no text: %j', (text) => {
    expect(refusal(() => layerFrom(text as never)).code).toBe('argument');
  });
});

test('any text is a layer or a KeelError', () => {
  const lexemes = ['nn.', 'LayerNorm', 'GroupNorm', '(', ')', '[', ']', ',', '=', '3', '4', 'eps', '1e-05', 'True', 'None', "'a'", ' ', '.', '-', '\n', 'torch.Size', 'é'];
  const texts = fc.oneof(fc.string(), fc.array(fc.constantFrom(...lexemes)).map((parts) => parts.join('')));
  fc.assert(
    fc.property(texts, (text) => {
      try {
        return typeof String(layerFrom(text)) === 'string';
      } catch (error) {
        return error instanceof KeelError;
      }
    }),
    { seed, numRuns: 2000, examples: [['nn.LayerNorm(' + '['.repeat(900)], ['nn.LayerNorm(' + 'torch.Size('.repeat(80)]] },
  );
});
