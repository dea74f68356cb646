// explainError on what PyTorch raises, with its traceback and without; its ways out are carried out.
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import {
  BatchNorm2d, explainError, GroupNorm, KeelError, LayerNorm, layerFrom, LayerNorm2d, RMSNorm, Sequential, zeros, type ErrorKind, type Fact,
} from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

const seed = 20190608;

interface Raised {
  readonly name: string;
  readonly message: string;
  readonly traceback: string;
}

// expected.json is what generate.py beside it writes; torch-errors.json is the suite of that name.
const { errors } = JSON.parse(await readFile('test/torchtext/expected.json', 'utf8')) as { readonly errors: readonly Raised[] };
const suite = JSON.parse(await readFile('test/oracle/torch-errors.json', 'utf8')) as {
  readonly cases: readonly { readonly id: string; readonly raises: boolean; readonly message?: string }[];
};

const texts = new Map(errors.map(({ name, traceback }) => [name, traceback]));
const messages = new Map(errors.map(({ name, message }) => [name, message]));

/** The numbers of PyTorch's message that are not among the facts. */
function unsaid(message: string, facts: Readonly<Record<string, Fact>>): string[] {
  const said = new Set(JSON.stringify(facts).match(/-?\d+(?:\.\d+)?(?:e-\d+)?/g)?.map(Number));
  // Those that are words: more than 1 value, at least 1-dimensional, 3D or higher, LayerNorm2d.
  const numbers = message.replaceAll(/more than 1|1-dimensional|dim=\d|3D or higher|at least 2D?|to be 4D|[A-Z]\w*\dd\b|0\.4\.0/g, '');
  return (numbers.match(/-?\d+(?:\.\d+)?(?:e-\d+)?/g) ?? []).filter((number) => !said.has(Number(number)));
}

describe("PyTorch's errors", () => {
  test.each(errors)('$name', ({ message, traceback }) => {
    const alone = explainError(message);
    const { meaning, fixes, facts, message: recognized } = alone;
    expect(message.replaceAll(/\s+/g, ' ')).toContain(recognized.replace(/…$/, ''));
    expect(meaning.length).toBeGreaterThan(0);
    expect(fixes.length).toBeGreaterThan(0);
    expect(unsaid(message, facts)).toEqual([]);
    expect(JSON.parse(JSON.stringify(alone))).toEqual(alone);
    // A traceback tells the family of the layer more; the rest is the same.
    const { kind, facts: same } = explainError(traceback);
    expect([kind, same]).toEqual([alone.kind, facts]);
  });

  test.each(errors)('$name in the output of pytest, painted and wrapped', ({ message, traceback }) => {
    const marked = traceback.split('\n').map((line) => `E       ${line}`).join('\n');
    const painted = message.split(' ').map((word) => `\u001b[31m${word}\u001b[0m`).join('\n  ');
    expect(explainError(`${marked}\nFAILED test_model.py`).facts).toEqual(explainError(message).facts);
    expect(explainError(painted).text).toBe(explainError(message).text);
  });

  const raised = suite.cases.filter(({ raises }) => raises);
  test.each(raised)('$id', ({ message = '' }) => {
    const { facts, meaning } = explainError(message);
    expect(meaning.length).toBeGreaterThan(0);
    expect(unsaid(message, facts)).toEqual([]);
  });

  test('of the suite all are tried', () => {
    expect(raised.length).toBeGreaterThan(25);
  });
});

test('a shape whose comma was lost', () => {
  const { text } = explainError('Given normalized_shape=[8], expected input with shape [*, 8], but got input of size[100 96, 8, 7]');
  expect(text).toContain('this input of 100 × 96 × 8 × 7 ends in 7');
});

test.each([
  ["\"LayerNormKernelImpl\" not implemented for 'Half'", /does not compute LayerNormKernelImpl of Half on this device/],
  ['Error(s) in loading state_dict for LayerNorm:', /paste all of it/],
])('%s, as other releases have it', (text, meaning) => {
  expect(explainError(text).meaning.join(' ')).toMatch(meaning);
});

test('bias= of a release that has none', () => {
  const { meaning } = explainError("TypeError: BatchNorm2d.__init__() got an unexpected keyword argument 'bias'");
  expect(meaning).toEqual(['This release of PyTorch has no bias= for BatchNorm2d; 2.13 has.']);
});

describe('what is said', () => {
  test.each<[name: string, kind: ErrorKind, layer: string | null, meaning: RegExp, fixes: (string | null)[]]>([
    ['LayerNorm, an image', 'normalized_shape', 'LayerNorm(96)', /96 is the size of axis 1: the channels/, ['F.layer_norm(x.permute(0, 2, 3, 1), (96,), weight, bias).permute(0, 3, 1, 2)', 'nn.GroupNorm(1, 96)', 'norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)', 'nn.LayerNorm(7)', 'nn.LayerNorm([96, 8, 7])']],
    ['LayerNorm, the height', 'normalized_shape', 'LayerNorm(8)', /8 is the size of axis 2, which is not the last/, ['norm(x.permute(0, 1, 3, 2)).permute(0, 1, 3, 2)', 'nn.LayerNorm(7)', 'nn.LayerNorm([96, 8, 7])']],
    ['LayerNorm, too short', 'normalized_shape', 'LayerNorm([2, 3, 4])', /this input of 3 × 4 has 2 axes only/, ['nn.LayerNorm([3, 4])']],
    ['LayerNorm, in another order', 'normalized_shape', 'LayerNorm([3, 4])', /in another order/, ['nn.LayerNorm([4, 3])']],
    ['LayerNorm, to flatten', 'normalized_shape', 'LayerNorm(768)', /768 is 12 × 64: all of the last 2 axes/, ['x.flatten(-2)', 'nn.LayerNorm(64)', 'nn.LayerNorm([12, 64])']],
    ['LayerNorm, weight', 'parameter_shape', 'LayerNorm([96, 8, 8])', /One value for each of 96 channels is what GroupNorm has/, ['nn.GroupNorm(1, 96)', 'weight.reshape(96, 1, 1).expand(96, 8, 8)', 'nn.LayerNorm([96, 8, 8])']],
    ['RMSNorm, channels', 'normalized_shape', 'RMSNorm(4)', /4 is the size of axis 1/, ['norm(x.permute(0, 2, 1)).permute(0, 2, 1)', 'nn.RMSNorm(5)', 'nn.RMSNorm([4, 5])']],
    ['GroupNorm, constructor', 'groups', 'GroupNorm', /4 does not divide 6.*num_groups may be 1, 2, 3, 6/s, ['nn.GroupNorm(3, 6)', 'nn.GroupNorm(2, 6)', 'nn.GroupNorm(1, 6)']],
    ['GroupNorm, function', 'groups', 'GroupNorm', /2 does not divide 5/, ['nn.GroupNorm(1, 5)', 'nn.GroupNorm(5, 5)']],
    ['GroupNorm, channels last', 'channels', 'GroupNorm', /The last axis has 6/, ['x.permute(0, 3, 1, 2)', 'nn.GroupNorm(1, 4)']],
    ['BatchNorm1d, one sample', 'too_few_values', 'BatchNorm1d', /single value for each of 3 channels/, ['model.eval()', 'DataLoader(dataset, batch_size=32, drop_last=True)', 'nn.LayerNorm(3)']],
    ['BatchNorm2d, one value', 'too_few_values', 'BatchNorm2d', /1 × 512 × 1 × 1/, ['model.eval()', 'DataLoader(dataset, batch_size=32, drop_last=True)', 'nn.GroupNorm(1, 512)']],
    ['GroupNorm, one value', 'too_few_values', 'GroupNorm', /6 groups of one channel each/, ['nn.GroupNorm(1, 6)', null]],
    ['InstanceNorm2d, one position', 'too_few_values', 'InstanceNorm2d', /2 × 3 × 1 × 1 has a single one/, ['nn.GroupNorm(1, 3)', null, 'model.eval()']],
    ['BatchNorm2d, channels', 'channels', 'BatchNorm', /has 6 channels; running_mean has 3 values/, ['nn.BatchNorm2d(6)', 'x.permute(0, 3, 1, 2)', null]],
    ['InstanceNorm2d, running', 'channels', 'InstanceNorm', /each channel of each sample/, ['x.permute(0, 3, 1, 2)', null]],
    ['BatchNorm1d, an image', 'rank', 'BatchNorm1d', /takes \(N, C\) or \(N, C, L\); the input has 4 axes/, ['nn.BatchNorm2d(num_features)']],
    ['InstanceNorm1d, an image', 'rank', 'InstanceNorm1d', /takes \(C, L\) or \(N, C, L\)/, ['nn.InstanceNorm2d(num_features)']],
    ['BatchNorm2d, no batch', 'rank', 'BatchNorm2d', /the input has 3 axes/, ['x.unsqueeze(0)', 'x.unsqueeze(-1)', 'nn.BatchNorm1d(num_features)', 'nn.LayerNorm(x.shape[-1])']],
    ["LayerNorm, another's argument", 'argument', 'LayerNorm', /no argument affine \(did you mean elementwise_affine\?\); its arguments are normalized_shape, eps/, ['nn.LayerNorm(..., elementwise_affine=...)', null]],
    ["BatchNorm2d, another's argument", 'argument', 'BatchNorm2d', /did you mean affine/, ['nn.BatchNorm2d(..., affine=...)', null]],
    ['GroupNorm, a misspelled argument', 'argument', 'GroupNorm', /no argument epss \(did you mean eps\?\)/, [null]],
    ['LayerNorm, no argument', 'argument', 'LayerNorm', /cannot do without normalized_shape: the sizes of the trailing axes/, ['nn.LayerNorm(normalized_shape)']],
    ['GroupNorm, one argument', 'argument', 'GroupNorm', /without num_channels: the number of channels/, ['nn.GroupNorm(num_groups, num_channels)']],
    ['GroupNorm, too many arguments', 'argument', 'GroupNorm', /takes 6 arguments by their place: num_groups, num_channels, eps, affine, device, dtype\./, ['nn.GroupNorm(..., bias=...)', null]],
    ['layer_norm, a number', 'argument', 'F.layer_norm', /as a list of whole numbers, also where it is one; it was given a value of type int/, ['F.layer_norm(x, x.shape[-1:])']],
    ['rms_norm, a fraction', 'argument', 'F.rms_norm', /its element 0 is of type float/, ['F.rms_norm(x, x.shape[-1:])']],
    ['LayerNorm, complex', 'dtype', null, /ComplexFloat is complex/, ['torch.view_as_real(x)']],
    ['LayerNorm, eight bits', 'dtype', null, /does not compute LayerNormKernelImpl of Float8_e4m3fn on this device/, ['norm.float()(x.float()).to(x.dtype)']],
    ['RMSNorm, integers', 'dtype', null, /Byte has no fractions/, ['x.float()']],
    ['RMSNorm, weight', 'parameter_shape', 'RMSNorm([3, 4])', /a weight for each of these elements; here the weight has 3\.$/, ['weight.reshape(3, 1).expand(3, 4)', 'nn.RMSNorm([3, 4])']],
    ['RMSNorm, nothing', 'normalized_shape', null, /it is empty/, ['nn.RMSNorm(x.shape[-1])', 'nn.RMSNorm(x.shape[1:])']],
    ['instance_norm, weight', 'channels', 'InstanceNorm', /each channel of each sample for a channel of its own: the input has 6/, ['x.permute(0, 3, 1, 2)', null]],
    ['batch_norm without variances', 'running', 'BatchNorm', /mean and variance, and there are not both/, ['F.batch_norm(x, None, None, training=True)']],
    ['spectral_norm, dim', 'argument', null, /or spectral_norm raises it/, ['parametrizations.weight_norm(layer, dim=0)', 'parametrizations.weight_norm(layer, dim=None)']],
    ['GroupNorm, no arguments', 'argument', 'GroupNorm', /without num_groups and num_channels/, ['nn.GroupNorm(num_groups, num_channels)']],
    ['load, gamma and beta', 'state_dict', 'LayerNorm', /gamma and beta are other names/, ["state = {re.sub(r'gamma$', 'weight', re.sub(r'beta$', 'bias', key)): value for key, value in state.items()}"]],
    ['load, DataParallel', 'state_dict', 'Sequential', /begin with module\., as DataParallel writes them/, ["state = {key.removeprefix('module.'): value for key, value in state.items()}"]],
    ['load, another prefix', 'state_dict', 'Sequential', /begin with backbone\.;/, ["state = {key.removeprefix('backbone.'): value for key, value in state.items()}"]],
    ['load, a part', 'state_dict', 'ModuleDict', /a checkpoint of that part/, ['model.body.load_state_dict(state)']],
    ['load, another width', 'state_dict', 'Sequential', /0\.running_mean has 4 in the checkpoint, 8 in the model/, ['nn.BatchNorm2d(4)', null]],
    ['load, another shape', 'state_dict', 'LayerNorm', /as many values in both/, ["state['weight'] = state['weight'].reshape(96)"]],
    ['load, no running statistics', 'state_dict', 'Sequential', /has no running statistics/, ['nn.BatchNorm2d(num_features, track_running_stats=False)', 'model.load_state_dict(state, strict=False)']],
    ['load, running statistics', 'state_dict', 'GroupNorm', /that of a BatchNorm/, ['nn.BatchNorm2d(num_features)', "state = {key: value for key, value in state.items() if not re.search(r'running_|num_batches', key)}"]],
    ['load, running statistics of an old InstanceNorm', 'state_dict', 'InstanceNorm2d', /tracks none unless it is asked to/, ['nn.InstanceNorm2d(num_features, track_running_stats=True)', "state = {key: value for key, value in state.items() if not re.search(r'running_|num_batches', key)}"]],
    ['load, parametrized into old', 'state_dict', 'Sequential', /keys of weight norm by parametrizations, the model those of the old/, ['torch.nn.utils.parametrizations.weight_norm(layer)']],
    ['load, plain into weight norm', 'state_dict', 'Sequential', /keys of a plain weight/, ['model.load_state_dict(state); torch.nn.utils.parametrizations.weight_norm(layer)']],
    ['load, plain into old weight norm', 'state_dict', 'Sequential', /the model those of the old weight norm/, ['model.load_state_dict(state); torch.nn.utils.weight_norm(layer)']],
    ['load, spectral norm into plain', 'state_dict', 'Sequential', /keys of spectral norm by parametrizations, the model those of a plain weight/, ['torch.nn.utils.parametrizations.spectral_norm(layer)']],
    ['load, old spectral norm into parametrized', 'state_dict', 'Sequential', /keys of the old spectral norm, the model those of spectral norm by/, ['torch.nn.utils.spectral_norm(layer)']],
    ['load, plain into spectral norm', 'state_dict', 'Sequential', /the model those of the old spectral norm/, ['model.load_state_dict(state); torch.nn.utils.spectral_norm(layer)']],
    ['load, weight norm into spectral norm', 'state_dict', 'Sequential', /keys of weight norm by parametrizations, the model those of spectral/, ['torch.nn.utils.parametrizations.weight_norm(layer)']],
    ['load, no tensor', 'state_dict', 'LayerNorm', /^bias is no tensor in the checkpoint but a <class 'list'>/, ["state['bias'] = torch.as_tensor(state['bias'])"]],
  ])('%s', (name, kind, layer, meaning, lines) => {
    const found = explainError(texts.get(name) ?? '');
    expect([found.kind, found.layer]).toEqual([kind, layer]);
    expect(found.meaning.join(' ')).toMatch(meaning);
    expect(found.fixes.map(({ pytorch }) => pytorch)).toEqual(lines);
  });

  test('to read', () => {
    expect(explainError(messages.get('BatchNorm1d, one sample') ?? '').text).toBe(`\
Expected more than 1 value per channel when training, got input size torch.Size([1, 3])
  In training BatchNorm1d takes each channel's mean and variance over the batch and all positions: of 1 × 3 that is a single value for each of 3 channels.
  A single value is its own mean, so that every output would be the bias. Often it is the last batch of an epoch, or one sample at inference without eval().
  BatchNorm1d(3): one mean for each element, none shared
  - at inference use the running statistics
      PyTorch   model.eval()
      evenkeel  model.eval()
  - in training leave a last batch of one sample out
      PyTorch   DataLoader(dataset, batch_size=32, drop_last=True)
      evenkeel  new DataLoader(tensors, { batchSize: 32, dropLast: true })
  - a layer that needs no batch
      one mean for each sample (axis 0), over 3 features (axis 1)
      PyTorch   nn.LayerNorm(3)
      evenkeel  new LayerNorm(3)`);
  });
});

describe('the ways out', () => {
  const layers = errors.flatMap(({ name, traceback }) =>
    explainError(traceback).fixes.flatMap((fix) => {
      const isLayer = /^nn\.\w+\([\d[]/.test(fix.pytorch ?? '') && fix.evenkeel?.startsWith('new ') === true;
      return isLayer ? [{ name, fix, pytorch: fix.pytorch ?? '', evenkeel: fix.evenkeel ?? '' }] : [];
    }),
  );

  test.each(layers)('$name: $pytorch is $evenkeel', ({ fix, pytorch, evenkeel }) => {
    const layer = layerFrom(pytorch);
    const [, type = '', given = ''] = /^new (\w+)\((.*)\)$/.exec(evenkeel) ?? [];
    expect(layer.typeName()).toBe(type);
    expect(pytorch.replace('affine=True', '{ affine: true }')).toBe(`nn.${type}(${given})`);
    if (fix.explanation === null) return;
    // The layer takes the input that the other refused.
    const { shape, name } = fix.explanation;
    expect(name).toBe(`${type}(${given})`);
    expect(layer.forward(zeros(shape)).shape).toEqual(shape);
  });

  test('there are many', () => {
    expect(layers.length).toBeGreaterThan(30);
  });

  test('a permutation makes the refused input fit', () => {
    const { fixes, facts } = explainError(messages.get('LayerNorm, an image') ?? '');
    const { evenkeel } = fixes.find(({ text }) => text.includes('last, and back')) ?? {};
    const [there = [], back = []] = [...(evenkeel ?? '').matchAll(/permute\(\[([\d, ]+)\]\)/g)].map(([, list = '']) => list.split(', ').map(Number));
    const x = zeros([2, ...(facts['input'] as number[]).slice(1)]);
    expect(new LayerNorm(96).forward(x.permute(there)).permute(back).shape).toEqual(x.shape);
  });
});

describe("this library's messages", () => {
  test.each<[what: string, run: () => unknown, kind: ErrorKind]>([
    ['LayerNorm', () => new LayerNorm(96).forward(zeros([2, 96, 8, 7])), 'normalized_shape'],
    ['RMSNorm', () => new RMSNorm([3, 4]).forward(zeros([4])), 'normalized_shape'],
    ['LayerNorm2d, channels', () => new LayerNorm2d(3).forward(zeros([2, 4, 2, 2])), 'channels'],
    ['LayerNorm2d, axes', () => new LayerNorm2d(3).forward(zeros([2, 3, 2])), 'rank'],
    ['GroupNorm', () => new GroupNorm(4, 6), 'groups'],
    ['BatchNorm2d', () => new BatchNorm2d(3).forward(zeros([2, 4, 2, 2])), 'channels'],
    ['BatchNorm2d, one value', () => new BatchNorm2d(3).forward(zeros([1, 3, 1, 1])), 'too_few_values'],
    ['loadStateDict', () => new Sequential(new LayerNorm(3)).loadStateDict(new Map([['0.gamma', zeros([3])], ['0.beta', zeros([3])]])), 'state_dict'],
  ])('%s', (_, run, kind) => {
    const { message } = refusal(run);
    expect(explainError(message).kind).toBe(kind);
  });
});

describe('refusals', () => {
  test.each([
    ['', 'no PyTorch error about normalization'],
    ['RuntimeError: CUDA out of memory', 'paste its last line'],
    ['Given normalized_shape=[x], expected input', 'no PyTorch error'],
    ['x'.repeat(200_001), 'has 200001 characters'],
  ])('%.40s', (text, message) => {
    const error = refusal(() => explainError(text));
    expect([error.code, error.message]).toEqual(['argument', expect.stringContaining(message)]);
  });

  test('what is no text', () => {
    expect(refusal(() => explainError(null as never)).code).toBe('argument');
  });

  test.each([
    'Given normalized_shape=[99999999999], expected input with shape [*, 99999999999], but got input of size[1, 99999999999, 2]',
    `Given normalized_shape=[${'9'.repeat(400)}], expected input with shape [*, 9], but got input of size[${'9, '.repeat(2000)}9]`,
    'running_mean should contain 99999999999999999999 elements not 3',
    'num_channels (99999999999) must be divisible by num_groups (7)',
    'Expected more than 1 value per channel when training, got input size torch.Size([])',
    'Expected more than 1 value per channel when training, got input size []',
    'Expected weight to be a vector of size equal to the number of channels in input, but got weight of shape [] and input of shape []',
    'LayerNorm2d only supports inputs with shape (N, C, H, W), but got tensor with shape []',
    'Given normalized_shape=[], expected input with shape [*, ], but got input of size[]',
  ])('numbers that no layer has: %.60s', (text) => {
    expect(explainError(text).meaning.length).toBeGreaterThan(0);
  }, 1000);
});

test('a text is explained or refused, in time that grows as it does', () => {
  const parts = [...messages.values()].flatMap((message) => message.split(/(?<=[[\]"(),: ])/)).concat('\n', 'E   ', '"', '[', '1');
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...parts), { maxLength: 200 }), (words) => {
      try {
        return explainError(words.join('')).text !== '';
      } catch (error) {
        return error instanceof KeelError;
      }
    }),
    { seed, numRuns: 500 },
  );
  const openings = ['Given normalized_shape=[1', 'size mismatch for a', 'Missing key(s) in state_dict: "a"', '1, ', 'E\t', '\u001b[', ' '];
  for (const opening of openings) {
    const began = performance.now();
    try {
      explainError(opening.repeat(Math.floor(199_000 / opening.length)));
    } catch (error) {
      expect(error).toBeInstanceOf(KeelError);
    }
    expect(performance.now() - began).toBeLessThan(2000);
  }
});
