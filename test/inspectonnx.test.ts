// Norms in ONNX graphs: two that PyTorch exports with norms of every kind, a row for each operator, and graphs that are hostile.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { KeelError } from 'evenkeel';
import { inspect } from 'evenkeel/inspect';
import { describe, expect, test } from 'vitest';
import { attribute, bytesOfModel, graph, node, tensorProto } from './onnx/build.js';
import type { AttributeProto, GraphProto, NodeProto } from './onnx/schema.js';

const here = (name: string) => fileURLToPath(new URL(`inspect/${name}`, import.meta.url));

describe('what PyTorch exports', () => {
  const { zoo } = JSON.parse(readFileSync(here('expected.json'), 'utf8'));

  test.each([13, 17])('opset %i', async (opset) => {
    const { layers, flags } = await inspect(here(`zoo${opset}.onnx`));
    const names = Object.keys(zoo).filter((name) => opset === 13 || name !== 'bare');
    expect(layers.map(({ path }) => path)).toEqual(names);
    for (const { path, kind, eps, epsFrom, groups, width } of layers) expect([path, { kind, eps, groups, width }, epsFrom]).toEqual([path, zoo[path], 'file']);
    expect(flags).toEqual([]);
  });

  test('what stands beside, and what folds', async () => {
    const { layers } = await inspect(here('zoo13.onnx'));
    expect(Object.fromEntries(layers.map(({ path, follows, precedes, foldable }) => [path, [follows, precedes, foldable]]))).toEqual({
      batch: ['conv', 'Relu', 'before'],
      group: ['Relu', 'single', 'no'],
      single: ['group', 'instance', 'no'],
      instance: ['single', 'pixel', 'no'],
      pixel: ['instance', 'image', 'no'],
      image: ['pixel', 'flat', 'no'],
      vector: ['flat', 'wide', 'before'],
      token: ['Relu', 'rsqrt', 'no'],
      rsqrt: ['token', 'power', 'no'],
      power: ['rsqrt', 'divide', 'no'],
      divide: ['power', 'bare', 'no'],
      bare: ['divide', 'Tanh', 'no'],
      last: ['Tanh', 'head', 'after'],
    });
  });

  test('and its state dict, as far as keys tell', async () => {
    const { layers } = await inspect(here('zoo.pth'));
    expect(layers.map(({ path }) => path)).toEqual(Object.keys(zoo).filter((name) => name !== 'bare'));
    for (const { path, candidates, width } of layers) {
      expect(candidates.map((kind) => (kind === 'BatchNorm' ? zoo[path].kind.slice(0, 9) : kind))).toContain(zoo[path].kind.replace(/(?<=Batch.*)\dd/, ''));
      expect(width).toBe(zoo[path].width);
    }
  });
});

const bytes = (numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
const vector = (name: string, ...numbers: readonly number[]) => tensorProto({ name, dims: [BigInt(numbers.length)], dataType: 1, rawData: bytes(numbers) });
const scalar = (name: string, number: number) => tensorProto({ name, dims: [], dataType: 1, rawData: bytes([number]) });
const float = (name: string, f: number) => attribute({ name, type: 1, f });
const integer = (name: string, i: number) => attribute({ name, type: 2, i: BigInt(i) });
const integers = (name: string, ...ints: readonly number[]) => attribute({ name, type: 7, ints: ints.map(BigInt) });

const gamma = vector('a.norm.weight', 1, 2, 3);
const beta = vector('a.norm.bias', 0, 0, 1);
const mean = vector('a.norm.running_mean', 0, 0, 1);
const variance = vector('a.norm.running_var', 1, 1, 2);

/** One node of a type, on x and these inputs. */
function one(opType: string, input: readonly string[], attributes: readonly AttributeProto[] = [], domain = ''): Partial<GraphProto> {
  return {
    node: [node({ opType, domain, name: 'n', input: ['x', ...input], output: ['y'], attribute: [...attributes] })],
    initializer: [gamma, beta, mean, variance],
  };
}

const [g, b] = ['a.norm.weight', 'a.norm.bias'];
const microsoft = 'com.microsoft';

describe('operators', () => {
  const rows: readonly [what: string, graph: Partial<GraphProto>, expected: object][] = [
    ['LayerNormalization', one('LayerNormalization', [g, b], [float('epsilon', 1e-6)]), { kind: 'LayerNorm', eps: 1e-6, epsFrom: 'file', width: 3, path: 'a.norm' }],
    ['LayerNormalization without epsilon', one('LayerNormalization', [g]), { kind: 'LayerNorm', eps: 1e-5, epsFrom: 'default' }],
    ['BatchNormalization', one('BatchNormalization', [g, b, ...['mean', 'var'].map((name) => `a.norm.running_${name}`)]), { kind: 'BatchNorm', eps: 1e-5, foldable: 'no' }],
    ['InstanceNormalization', one('InstanceNormalization', [g, b]), { kind: 'InstanceNorm', pattern: 'b c [s...], c' }],
    ['GroupNormalization', one('GroupNormalization', [g, b], [integer('num_groups', 3)]), { kind: 'GroupNorm', groups: 3 }],
    ['RMSNormalization', one('RMSNormalization', [g]), { kind: 'RMSNorm', eps: 1e-5 }],
    ['SimplifiedLayerNormalization', one('SimplifiedLayerNormalization', [g], [float('epsilon', 1e-6)]), { kind: 'RMSNorm', eps: 1e-6 }],
    ["SimplifiedLayerNormalization of onnxruntime's domain", one('SimplifiedLayerNormalization', [g], [], microsoft), { kind: 'RMSNorm' }],
    ['SkipLayerNormalization', one('SkipLayerNormalization', ['skip', g, b], [], microsoft), { kind: 'LayerNorm', eps: 1e-12, epsFrom: 'default', width: 3 }],
    ['SkipSimplifiedLayerNormalization', one('SkipSimplifiedLayerNormalization', ['skip', g], [], microsoft), { kind: 'RMSNorm', width: 3 }],
    ['EmbedLayerNormalization', one('EmbedLayerNormalization', ['s', 'w', 'p', 'q', g, b], [], microsoft), { kind: 'LayerNorm', width: 3 }],
    ['GroupNorm of onnxruntime', one('GroupNorm', [g, b], [integer('groups', 3)], microsoft), { kind: 'GroupNorm', groups: 3 }],
    ['LRN', one('LRN', [], [integer('size', 5)]), { kind: 'LocalResponseNorm', eps: null, epsFrom: 'not stored', width: null, path: 'n' }],
    ['LpNormalization', one('LpNormalization', []), { kind: 'LpNormalization', tensors: [] }],
    ['MeanVarianceNormalization', one('MeanVarianceNormalization', []), { kind: 'MeanVarianceNormalization' }],
  ];

  test.each(rows)('%s', async (_, fields, expected) => {
    const { layers } = await inspect(bytesOfModel(fields), { scan: 'norms' });
    expect(layers).toMatchObject([expected]);
  });

  test.each([
    ['another domain', one('LayerNormalization', [g, b], [], 'somebody')],
    ['a name of an object', one('constructor', [g, b])],
    ['a function of the model', one('SkipLayerNormalization', ['skip', g, b])],
  ])('%s is none', async (_, fields) => {
    expect((await inspect(bytesOfModel(fields))).layers).toEqual([]);
  });
});

/** LayerNorm in nodes: mean, difference, square, mean, eps, root, quotient, scale and shift. */
function spelled(changes: Readonly<Record<string, Partial<NodeProto>>> = {}, others: readonly NodeProto[] = []): Partial<GraphProto> {
  const axes = [integers('axes', -1)];
  const steps: readonly (readonly [string, string, readonly string[], (readonly AttributeProto[])?])[] = [
    ['mean', 'ReduceMean', ['x'], axes], ['c', 'Sub', ['x', 'mean']], ['square', 'Pow', ['c', 'two']],
    ['variance', 'ReduceMean', ['square'], axes], ['sum', 'Add', ['variance', 'eps']], ['root', 'Sqrt', ['sum']],
    ['unit', 'Div', ['c', 'root']], ['scaled', 'Mul', ['unit', 'gamma']], ['y', 'Add', ['scaled', b]],
  ];
  const nodes = steps.map(([output, opType, input, own = []]) =>
    node({ name: output, opType, input: [...input], output: [output], attribute: [...own], ...changes[output] }),
  );
  return {
    node: [node({ opType: 'Identity', input: [g], output: ['gamma'] }), ...nodes, ...others],
    initializer: [gamma, beta, scalar('two', 2), scalar('eps', 1e-6), scalar('one', 1), scalar('minus', -0.5), tensorProto({ name: 'last', dims: [1n], dataType: 7, rawData: new Uint8Array(8).fill(255) })],
    output: [],
  };
}

const call = (input: string, output: string) =>
  node({ opType: 'LayerNormalization', input: [input, g, b], output: [output] });

describe('norms in primitive nodes', () => {
  const layerNorm = { kind: 'LayerNorm', eps: 1e-6, width: 3, path: 'a.norm', pattern: 'b... [c], c' };
  const rows: readonly [what: string, graph: Partial<GraphProto>, expected: readonly object[]][] = [
    ['as PyTorch has it', spelled(), [layerNorm]],
    ['a square by multiplication', spelled({ square: { opType: 'Mul', input: ['c', 'c'] } }), [layerNorm]],
    ['eps first, scale first', spelled({ sum: { input: ['eps', 'variance'] }, scaled: { input: ['gamma', 'unit'] } }), [layerNorm]],
    ['a second difference', spelled({ unit: { input: ['c2', 'root'] } }, [node({ opType: 'Sub', input: ['x', 'mean'], output: ['c2'] })]), [layerNorm]],
    ['a reciprocal', spelled({ unit: { opType: 'Mul', input: ['c', 'inverse'] } }, [node({ opType: 'Reciprocal', input: ['root'], output: ['inverse'] })]), [layerNorm]],
    ['a power of -1/2', spelled({ root: { opType: 'Pow', input: ['sum', 'minus'] }, unit: { opType: 'Mul', input: ['c', 'root'] } }), [layerNorm]],
    ['casts between', spelled({ square: { input: ['cast', 'two'] } }, [node({ opType: 'Cast', input: ['c'], output: ['cast'], attribute: [integer('to', 1)] })]), [layerNorm]],
    ['axes as an input', spelled({ mean: { input: ['x', 'last'], attribute: [] }, variance: { input: ['square', 'last'], attribute: [] } }), [layerNorm]],
    ['no shift', spelled({ y: { opType: 'Relu', input: ['scaled'] } }), [{ ...layerNorm, tensors: [{ role: 'weight' }], precedes: 'Relu' }]],
    ['no mean subtracted', spelled({ square: { input: ['x', 'two'] }, unit: { input: ['x', 'root'] }, y: { opType: 'Relu', input: ['scaled'] } }), [{ ...layerNorm, kind: 'RMSNorm' }]],
    ['another power', spelled({ square: { input: ['c', 'one'] } }), []],
    ['no eps', spelled({ sum: { input: ['variance', 'x'] } }), []],
    ['a mean over other axes', spelled({ mean: { attribute: [integers('axes', 1)] } }), [{ kind: 'RMSNorm' }]],
    ['another numerator', spelled({ unit: { input: ['mean', 'root'] } }), []],
    ['a result that is used twice before the shift', spelled({}, [node({ opType: 'Neg', input: ['scaled'], output: ['z'] })]), [{ tensors: [{ role: 'weight' }] }]],
  ];

  test.each(rows)('%s', async (_, fields, expected) => {
    const { layers } = await inspect(bytesOfModel(fields));
    expect(layers).toMatchObject(expected);
    expect(layers).toHaveLength(expected.length);
  });

  test('in a branch, with constants of the graph around it', async () => {
    const { initializer, ...branch } = spelled();
    const outer = node({ opType: 'If', input: ['condition'], output: ['z'], attribute: [attribute({ name: 'then_branch', type: 5, g: graph({ name: 'then', ...branch }) })] });
    const { layers } = await inspect(bytesOfModel({ node: [outer], initializer: initializer ?? [] }));
    expect(layers).toMatchObject([layerNorm]);
  });

  test('one layer that is called twice', async () => {
    const { layers } = await inspect(bytesOfModel({ node: [call('x', 'y'), call('y', 'z')], initializer: [gamma, beta] }));
    expect(layers).toMatchObject([{ path: 'a.norm' }]);
  });
});

const layerWeight = (...dims: readonly number[]) =>
  tensorProto({ name: 'layer.weight', dims: dims.map(BigInt), dataType: 1, rawData: bytes(Array.from({ length: dims.reduce((p, d) => p * d, 1) }, () => 1)) });
const statistics = ['a.norm.running_mean', 'a.norm.running_var'];
const norm = (input: string) => node({ opType: 'BatchNormalization', input: [input, g, b, ...statistics], output: ['y'] });

const before = (opType: string, ...others: readonly NodeProto[]) => [
  node({ opType, input: ['x', 'layer.weight'], output: ['h'] }),
  norm('h'),
  ...others,
];
const after = (opType: string, ...attributes: readonly AttributeProto[]) => [
  norm('x'),
  node({ opType, input: ['y', 'layer.weight'], output: ['z'], attribute: [...attributes] }),
];

describe('BatchNorm beside layers', () => {
  const again = node({ opType: 'Neg', input: ['h'], output: ['other'] });
  const image = layerWeight(3, 3, 1, 1);
  const matrix = layerWeight(3, 3);

  test.each([
    ['behind a convolution', before('Conv'), image, 'BatchNorm2d', 'layer', 'before'],
    ['behind a convolution that others take too', before('Conv', again), image, 'BatchNorm2d', 'layer', 'no'],
    ['behind a linear layer', before('Gemm'), matrix, 'BatchNorm1d', 'layer', 'before'],
    ['behind a product of unknown rank', before('MatMul'), matrix, 'BatchNorm1d', 'layer', 'unknown'],
    ['before a convolution', after('Conv'), image, 'BatchNorm', null, 'after'],
    ['before a convolution that pads', after('Conv', integers('pads', 1, 1, 1, 1)), image, 'BatchNorm', null, 'unknown'],
    ['before an activation', after('Relu'), image, 'BatchNorm', null, 'no'],
  ] as const)('%s', async (_, nodes, layer, kind, follows, foldable) => {
    const { layers } = await inspect(bytesOfModel({ node: [...nodes], initializer: [gamma, beta, mean, variance, layer] }));
    expect(layers).toMatchObject([{ kind, follows, foldable }]);
  });
});

describe('flags', () => {
  test('of constants in nodes, and of an eps that is not the family’s', async () => {
    const constant = node({ opType: 'Constant', output: ['held'], attribute: [attribute({ name: 'value', type: 4, t: vector('', 0, NaN, 1) })] });
    const { flags, layers } = await inspect(bytesOfModel({ node: [constant, node({ opType: 'LayerNormalization', name: '/a/a.0/norm/LayerNormalization', input: ['x', 'held'], output: ['y'] })] }));
    expect(layers).toMatchObject([{ path: 'a.0.norm' }]);
    expect(flags.map(({ name, path, tensor, index }) => [name, path, tensor, index])).toEqual([
      ['nan', 'a.0.norm', 'held', [1]],
      ['gamma-near-zero', 'a.0.norm', 'held', [0]],
    ]);
  });
});

describe('graphs that are hostile', () => {
  const chain = Array.from({ length: 20_000 }, (_, i) => node({ opType: 'Identity', input: [`v${i + 1}`], output: [`v${i}`] }));
  const roots = Array.from({ length: 5000 }, (_, i) => node({ opType: 'Sqrt', input: ['v0'], output: [`r${i}`] }));
  const loop = [node({ opType: 'Add', input: ['root', 'eps'], output: ['sum'] }), node({ opType: 'Sqrt', input: ['sum'], output: ['root'] })];
  test.each([
    ['a chain of identities', { node: [...chain, ...roots] }],
    ['a value that is made of itself', { node: loop, initializer: [scalar('eps', 1)] }],
    ['a norm of itself', { node: [node({ opType: 'LayerNormalization', input: ['y', 'y', 'y'], output: ['y'] })] }],
    ['nodes without inputs', { node: ['Sqrt', 'InstanceNormalization', 'BatchNormalization', 'Pow', 'LRN'].map((opType) => node({ opType })) }],
    ['an identity of itself', { node: [node({ opType: 'Identity', input: ['a'], output: ['a'] }), node({ opType: 'Sqrt', input: ['a'], output: ['b'] })] }],
  ])('%s', async (_, fields) => {
    const began = performance.now();
    await inspect(bytesOfModel(fields));
    expect(performance.now() - began).toBeLessThan(5000);
  });

  test('bytes that are changed give an answer or a KeelError', async () => {
    const file = readFileSync(here('zoo13.onnx'));
    // A generator of its own: the same changes on every machine.
    let state = 12345;
    const random = (n: number) => (state = (state * 1103515245 + 12345) % 2 ** 31) % n;
    for (let round = 0; round < 150; round++) {
      const changed = Uint8Array.from(file);
      for (let change = 0; change < 4; change++) changed[random(changed.length)] = random(256);
      await inspect(changed).catch((error: unknown) => expect(error).toBeInstanceOf(KeelError));
    }
  });
});
