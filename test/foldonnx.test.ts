// Folded ONNX models compute what they did, with fewer norms; the rest of the file is as it was.

import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memory, tensor, type Tensor } from 'evenkeel';
import { foldOnnx, foldState, type FoldedOnnx } from 'evenkeel/fold';
import { load, openOnnx } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { closeness } from './closeness.js';
import { attribute, graph, node, pair } from './onnx/build.js';
import { generator, modelOfRows, nodeOf, type Rows } from './onnx/graphs.js';
import { runOnnx } from './onnx/run.js';
import { createMessage, parseModel, serializeModel, type GraphProto, type ValueInfoProto } from './onnx/schema.js';
import { refusesFile } from './refusal.js';

const stored = (name: string) => fileURLToPath(new URL(`models/${name}`, import.meta.url));

function graphOf(bytes: Uint8Array): GraphProto {
  const { graph } = parseModel(bytes);
  if (graph === undefined) throw new Error('no graph');
  return graph;
}

function randomInput(shape: readonly number[]): Tensor {
  const values = generator();
  return tensor(Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, values), shape);
}

/** Expects a graph in which every value is made once, and before it is taken, and no initializer is there for nothing. */
async function expectWhole(bytes: Uint8Array): Promise<void> {
  const { graph } = await openOnnx(bytes);
  const made = new Set([...graph.inputs.map(({ name }) => name), ...graph.initializers.keys()]);
  const taken = new Set(graph.outputs.map(({ name }) => name));
  for (const { name, inputs, outputs } of graph.nodes) {
    for (const input of inputs) if (input !== '') expect([name, made.has(input)]).toEqual([name, true]);
    for (const output of outputs) expect([output, made.has(output)]).toEqual([output, false]);
    for (const input of inputs) taken.add(input);
    for (const output of outputs) made.add(output);
  }
  for (const { name } of graph.outputs) expect([name, made.has(name)]).toEqual([name, true]);
  expect([...graph.initializers.keys()].filter((name) => !taken.has(name))).toEqual([]);
  for (const { name } of graph.values) expect([name, made.has(name)]).toEqual([name, true]);
}

/** Folds, and expects that both models give the same. */
async function foldRows(rows: Rows): Promise<FoldedOnnx> {
  const bytes = modelOfRows(rows);
  const before = memory().tensors;
  const folded = await foldOnnx(bytes);
  expect(memory().tensors).toBe(before);
  await expectWhole(folded.bytes);
  const x = randomInput(rows.input);
  const [expected, got] = [await runOnnx(bytes, x), await runOnnx(folded.bytes, x)];
  for (const [name, y] of expected) {
    const atol = (rows.dataType === 10 ? 2e-2 : 2e-6) * Math.max(1, ...[...y.data].map((value) => Math.abs(Number(value))));
    expect(closeness(got.get(name)?.data ?? new Float64Array(), y.data, { rtol: 0, atol })).toBeNull();
  }
  return folded;
}

const bn = 'n: y = BatchNormalization(h, s, t, m, v)';
const statistics = (channels: number) => ({ s: [channels], t: [channels], m: [channels], v: [channels] });
const image = { input: [2, 4, 5, 5] };

describe('norms that are folded', () => {
  const rows: [name: string, rows: Rows, pairs: string[], operators: string][] = [
    ['a convolution without bias', { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image }, ['n c conv-batch-norm'], 'Conv'],
    ['a convolution with padding and bias', { nodes: ['c: h = Conv(x, w, b; pads=[1 1 1 1])', bn], initializers: { w: [6, 4, 3, 3], b: [6], ...statistics(6) }, ...image }, ['n c conv-batch-norm'], 'Conv'],
    ['a convolution in groups, eps of its own', { nodes: ['c: h = Conv(x, w; group=2)', 'n: y = BatchNormalization(h, s, t, m, v; epsilon=0.5)'], initializers: { w: [6, 2, 3, 3], ...statistics(6) }, ...image }, ['n c conv-batch-norm'], 'Conv'],
    ['a transposed convolution in groups', { nodes: ['c: h = ConvTranspose(x, w, b; group=2)', bn], initializers: { w: [4, 3, 3, 3], b: [6], ...statistics(6) }, ...image }, ['n c conv-transpose-batch-norm'], 'ConvTranspose'],
    ['a Gemm, weight (O, I)', { nodes: ['c: h = Gemm(x, w, b; transB=1)', bn], initializers: { w: [5, 4], b: [5], ...statistics(5) }, input: [3, 4] }, ['n c linear-batch-norm'], 'Gemm'],
    ['a Gemm, weight (I, O), without bias', { nodes: ['c: h = Gemm(x, w)', bn], initializers: { w: [4, 5], ...statistics(5) }, input: [3, 4] }, ['n c linear-batch-norm'], 'Gemm'],
    ['a Gemm, bias (1, O)', { nodes: ['c: h = Gemm(x, w, b; transA=1)', bn], initializers: { w: [4, 5], b: [1, 5], ...statistics(5) }, input: [4, 3] }, ['n c linear-batch-norm'], 'Gemm'],
    ['a MatMul', { nodes: ['c: h = MatMul(x, w)', bn], initializers: { w: [4, 5], ...statistics(5) }, input: [3, 4] }, ['n c linear-batch-norm'], 'MatMul Add'],
    ['a MatMul and its Add', { nodes: ['c: p = MatMul(x, w)', 'a: h = Add(b, p)', bn], initializers: { w: [4, 5], b: [5], ...statistics(5) }, input: [3, 4] }, ['n c linear-batch-norm'], 'MatMul Add'],
    ['a MatMul behind others of two axes', { nodes: ['f: q = Flatten(x)', 'r: k = Relu(q)', 'd: j = MatMul(k, u)', 'e: i = Add(b, j)', 'c: h = MatMul(i, w)', bn], initializers: { u: [4, 4], b: [4], w: [4, 5], ...statistics(5) }, input: [3, 4], isDescribed: false }, ['n c linear-batch-norm'], 'Flatten Relu MatMul Add MatMul Add'],
    ['a MatMul by a transposed weight', { nodes: ['w: k = Transpose(w; perm=[1 0])', 'c: h = MatMul(x, k)', bn], initializers: { w: [5, 4], ...statistics(5) }, input: [3, 4] }, ['n c linear-batch-norm'], 'Transpose MatMul Add'],
    ['before a convolution that does not pad', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = Conv(h, w; group=2, auto_pad=VALID)'], initializers: { w: [6, 2, 3, 3], ...statistics(4) }, ...image }, ['n c batch-norm-conv'], 'Conv'],
    ['before a Gemm', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = Gemm(h, w, b)'], initializers: { w: [4, 5], b: [5], ...statistics(4) }, input: [3, 4] }, ['n c batch-norm-linear'], 'Gemm'],
    ['before a MatMul', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = MatMul(h, w)'], initializers: { w: [4, 5], ...statistics(4) }, input: [3, 4] }, ['n c batch-norm-linear'], 'MatMul Add'],
    ['two norms and the convolution between', { nodes: ['m: g = BatchNormalization(x, s, t, m, v)', 'c: h = Conv(g, w)', 'n: y = BatchNormalization(h, s2, t2, m2, v2)'], initializers: { w: [6, 4, 3, 3], ...statistics(4), s2: [6], t2: [6], m2: [6], v2: [6] }, ...image }, ['m c batch-norm-conv', 'n c conv-batch-norm'], 'Conv'],
    ['a LayerNorm and its Gemm', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: y = Gemm(h, w, b; transB=1)'], initializers: { w: [5, 4], b: [5], s: [4], t: [4] }, input: [3, 4] }, ['n c layer-norm-linear'], 'LayerNormalization Gemm'],
    ['a LayerNorm without bias', { nodes: ['n: h = LayerNormalization(x, s)', 'c: y = MatMul(h, w)'], initializers: { w: [4, 5], s: [4] }, input: [3, 2, 4] }, ['n c layer-norm-linear'], 'LayerNormalization MatMul'],
    ['a LayerNorm, a MatMul with and one without Add, and one by a transposed weight', { nodes: ['n: h = LayerNormalization(x, s, t; axis=-1)', 'l: k = Shape(h)', 'a: p = MatMul(h, w1)', 'b: y1 = Add(p, b1)', 'c: y2 = MatMul(h, w2)', 'd: u = Transpose(w3; perm=[1 0])', 'e: y3 = MatMul(h, u)'], initializers: { w1: [4, 5], b1: [1, 5], w2: [4, 6], w3: [2, 4], s: [4], t: [4] }, input: [3, 2, 4], outputs: ['y1', 'y2', 'y3', 'k'] }, ['n a layer-norm-linear', 'n c layer-norm-linear', 'n e layer-norm-linear'], 'LayerNormalization Shape MatMul Add MatMul Add Transpose MatMul Add'],
    ['an RMSNorm', { nodes: ['n: h = RMSNormalization(x, s)', 'c: y = MatMul(h, w)'], initializers: { w: [4, 5], s: [4] }, input: [3, 2, 4], opset: 23n }, ['n c rms-norm-linear'], 'RMSNormalization MatMul'],
    ['parameters by way of Identity', { nodes: ['i: w2 = Identity(w)', 'j: t2 = Identity(t)', 'c: h = Conv(x, w2, t2)', 'n: y = BatchNormalization(h, s, t2, m, v)'], initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image }, ['n c conv-batch-norm'], 'Conv'],
    ['numbers of 64 bits', { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image, dataType: 11 }, ['n c conv-batch-norm'], 'Conv'],
    ['numbers of 16 bits', { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 1, 1], ...statistics(6) }, ...image, dataType: 10 }, ['n c conv-batch-norm'], 'Conv'],
    ['a value that is called as what is new', { nodes: ['c: h = Conv(x, weight)', 'n: bias = BatchNormalization(h, s, t, m, v)', 'r: y = Relu(bias)'], initializers: { weight: [6, 4, 3, 3], ...statistics(6) }, ...image }, ['n c conv-batch-norm'], 'Conv Relu'],
    ['initializers that are inputs, before version 4', { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image, irVersion: 3n, inputs: ['w', 's', 't', 'm', 'v'] }, ['n c conv-batch-norm'], 'Conv'],
  ];

  test.each(rows)('%s', async (_, given, pairs, operators) => {
    const folded = await foldRows(given);
    expect(folded.pairs.map(({ norm, into, kind }) => `${norm} ${into} ${kind}`)).toEqual(pairs);
    for (const { largestDifference, tolerance } of folded.pairs) expect(largestDifference).toBeLessThanOrEqual(tolerance);
    expect(folded.kept).toEqual([]);
    const { node, initializer } = graphOf(folded.bytes);
    expect(node.map(({ opType }) => opType).join(' ')).toBe(operators);
    for (const { dataType } of initializer) expect(dataType).toBe(given.dataType ?? 1);
  });

  test('before version 4 every initializer stays an input, with its shape', async () => {
    const given: Rows = { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image, irVersion: 3n, inputs: ['w', 's', 't', 'm', 'v'] };
    const { graph } = await openOnnx((await foldOnnx(modelOfRows(given))).bytes);
    expect(graph.inputs.map(({ name, shape, elementType }) => [name, shape, elementType])).toEqual([
      ['x', [2, 4, 5, 5], 'FLOAT'], ['w', [6, 4, 3, 3], 'FLOAT'], ['w_bias', [6], 'FLOAT'],
    ]);
  });

  test('what others take stays, and the layer gets an initializer of its own', async () => {
    const nodes = ['c: h = Conv(x, w, s)', bn, 'd: z = Conv(x, w)', 'e: k = Conv(x, w)', 'o: u = BatchNormalization(k, s, t, m, v)'];
    const folded = await foldRows({ nodes, initializers: { w: [6, 4, 3, 3], ...statistics(6) }, ...image, outputs: ['y', 'z', 'u', 't'] });
    expect(folded.pairs.map(({ into }) => into)).toEqual(['c', 'e']);
    const { node, initializer } = graphOf(folded.bytes);
    expect(node.map(({ input }) => input)).toEqual([['x', 'w_folded', 's_folded'], ['x', 'w'], ['x', 'w_folded_2', 'w_bias']]);
    expect(initializer.map(({ name }) => name).sort()).toEqual(['s_folded', 't', 'w', 'w_bias', 'w_folded', 'w_folded_2']);
  });
});

describe('norms that are kept, and why', () => {
  const conv = { w: [6, 4, 3, 3], ...statistics(6) };
  const linear = { w: [4, 5], b: [5], s: [4], t: [4] };
  const rows: [name: string, rows: Rows, reason: string][] = [
    ['what the layer gives is an output', { nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image, outputs: ['y', 'h'] }, "what stands before it gives 'h', which leaves the graph, or is used inside another node"],
    ['what the layer gives goes elsewhere too', { nodes: ['c: h = Conv(x, w)', bn, 'r: z = Relu(h)'], initializers: conv, ...image, outputs: ['y', 'z'] }, "what stands before it gives 'h' to 2 nodes"],
    ['an activation stands between', { nodes: ['c: h = Conv(x, w)', 'r: k = Relu(h)', 'n: y = BatchNormalization(k, s, t, m, v)'], initializers: conv, ...image }, 'Relu before it is no convolution or linear layer; it gives'],
    ['nothing stands before it', { nodes: ['n: y = BatchNormalization(x, s, t, m, v)'], initializers: statistics(4), ...image }, 'nothing stands before it; it gives'],
    ['a convolution behind it pads', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = Conv(h, w; pads=[0 1 0 1])'], initializers: { w: [6, 4, 3, 3], ...statistics(4) }, ...image }, 'c behind it pads with zeros'],
    ['a convolution behind it pads by itself', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = Conv(h, w; auto_pad=SAME_UPPER)'], initializers: { w: [6, 4, 3, 3], ...statistics(4) }, ...image }, 'c behind it pads with zeros'],
    ['a transposed convolution behind it', { nodes: ['n: h = BatchNormalization(x, s, t, m, v)', 'c: y = ConvTranspose(h, w)'], initializers: { w: [4, 6, 3, 3], ...statistics(4) }, ...image }, 'c behind it is a transposed convolution'],
    ['a weight that comes from outside', { nodes: ['c: h = Conv(x, w)', bn], initializers: statistics(6), ...image, inputs: ['w'] }, 'the weight of c is no initializer of real numbers'],
    ['a weight that an input may replace', { nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image, inputs: ['w'] }, 'the weight of c is no initializer of real numbers, or may be given as an input'],
    ['a parameter that an input may replace', { nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image, inputs: ['m'] }, "its parameter 'm' is no initializer of real numbers, or may be given as an input"],
    ['a computed bias', { nodes: ['r: b = Relu(s)', 'c: h = Conv(x, w, b)', bn], initializers: conv, ...image }, 'the bias of c is no initializer'],
    ['training_mode', { nodes: ['c: h = Conv(x, w)', 'n: y = BatchNormalization(h, s, t, m, v; training_mode=1)'], initializers: conv, ...image }, 'training_mode: it has the statistics of its input'],
    ['statistics that are given too', { nodes: ['c: h = Conv(x, w)', 'n: y, z = BatchNormalization(h, s, t, m, v)'], initializers: conv, ...image }, 'it gives its statistics too'],
    ['an operator of another domain', { nodes: ['c: h = Conv(x, w)', 'n: y = com.example.BatchNormalization(h, s, t, m, v)'], initializers: conv, ...image }, 'it is an operator of com.example'],
    ['a layer of another domain', { nodes: ['c: h = com.example.Conv(x, w)', bn], initializers: conv, ...image }, 'com.example.Conv before it is no convolution or linear layer'],
    ['an operator set before 7', { nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image, opset: 6n }, 'operator set 6: norms before set 7 may be those of training'],
    ['channels that are not the layer’s', { nodes: ['c: h = Conv(x, w)', bn], initializers: { w: [6, 4, 3, 3], ...statistics(5) }, ...image }, 'got out_channels=6 and num_features=5'],
    ['a MatMul that may have three axes', { nodes: ['c: h = MatMul(x, w)', bn], initializers: { w: [4, 4], ...statistics(4) }, input: [3, 4], isDescribed: false }, 'c may give more than two axes, of which it normalizes the second and not the last'],
    ['a MatMul that has three axes', { nodes: ['c: h = MatMul(x, w)', bn], initializers: { w: [4, 4], ...statistics(4) }, input: [3, 4, 4] }, 'c may give more than two axes'],
    ['a MatMul by itself', { nodes: ['c: h = MatMul(x, x)', bn], initializers: statistics(4), input: [4, 4] }, 'the weight of c is no initializer'],
    ['a Gemm that scales', { nodes: ['c: h = Gemm(x, w, b; alpha=0.5)', 'n: y = BatchNormalization(h, s, t, m, v)'], initializers: { w: [4, 5], b: [5], ...statistics(5) }, input: [3, 4] }, 'c multiplies by alpha or beta'],
    ['a Gemm by no matrix', { nodes: ['c: h = Gemm(x, w)', bn], initializers: { w: [4, 5, 1], ...statistics(5) }, input: [3, 4] }, 'c multiplies by 3 axes, not by a matrix'],
    ['a Gemm whose bias is a matrix', { nodes: ['c: h = Gemm(x, w, b)', bn], initializers: { w: [4, 5], b: [3, 5], ...statistics(5) }, input: [3, 4] }, 'the bias of c is no vector of its outputs'],
    ['an Add of two that vary', { nodes: ['c: p = MatMul(x, w)', 'a: h = Add(p, p)', bn], initializers: { w: [4, 5], ...statistics(5) }, input: [3, 4] }, 'before it stands an Add that is no bias'],
    ['a LayerNorm that goes elsewhere too', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: p = MatMul(h, w)', 'a: y = Add(p, b)', 'r: z = Relu(h)'], initializers: linear, input: [3, 4], outputs: ['y', 'z'] }, 'Relu behind it is no convolution or linear layer'],
    ['a LayerNorm that is an output', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: p = MatMul(h, w)', 'a: y = Add(p, b)'], initializers: linear, input: [3, 4], outputs: ['y', 'h'] }, 'what it gives leaves the graph'],
    ['a LayerNorm on the right of a MatMul', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: p = MatMul(w, h)', 'a: y = Add(p, b)'], initializers: { w: [3, 3], b: [4], s: [4], t: [4] }, input: [3, 4] }, 'the weight of c is no initializer'],
    ['a LayerNorm before a Gemm that transposes it', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: y = Gemm(h, w; transA=1)'], initializers: { w: [4, 5], s: [4], t: [4] }, input: [4, 4] }, 'c does not take it as its rows'],
    ['a LayerNorm before a convolution', { nodes: ['n: h = LayerNormalization(x, s, t)', 'c: y = Conv(h, w)'], initializers: { w: [6, 4, 3, 3], s: [5], t: [5] }, ...image }, 'c behind it is a convolution, whose channels are another axis'],
    ['a scale of several axes', { nodes: ['n: h = LayerNormalization(x, s, t; axis=1)', 'c: y = MatMul(h, w)'], initializers: { w: [4, 5], s: [2, 4], t: [2, 4] }, input: [3, 2, 4] }, 'its scale has 2 axes'],
    ['an instance norm', { nodes: ['c: h = Conv(x, w)', 'n: y = InstanceNormalization(h, s, t)'], initializers: { w: [6, 4, 3, 3], s: [6], t: [6] }, ...image }, 'InstanceNormalization has the statistics of its input'],
  ];

  test.each(rows)('%s', async (_, given, reason) => {
    const bytes = modelOfRows(given);
    const { kept, pairs, bytes: same } = await foldOnnx(bytes);
    expect(pairs).toEqual([]);
    expect(kept).toEqual([{ norm: 'n', reason: expect.stringContaining(reason) }]);
    expect(Buffer.compare(same, bytes)).toBe(0);
  });

  test('one that graphs inside a node take, and those in there', async () => {
    const inside = graph({ node: [nodeOf('i: z = Relu(h)'), nodeOf('j: o = BatchNormalization(z, s, t, m, v)')] });
    const branch = node({ name: 'if', opType: 'If', input: ['x'], output: ['k'], attribute: [attribute({ name: 'then_branch', type: 5, g: inside })] });
    const proto = parseModel(modelOfRows({ nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image, outputs: ['y', 'k'] }));
    proto.graph?.node.push(branch);
    const { kept } = await foldOnnx(serializeModel(proto));
    expect(kept).toEqual([
      { norm: 'n', reason: expect.stringContaining("what stands before it gives 'h', which leaves the graph, or is used inside another node") },
      { norm: 'j', reason: 'it stands in a graph inside if' },
    ]);
  });

  test('a variance that leaves no finite scale', async () => {
    const proto = parseModel(modelOfRows({ nodes: ['c: h = Conv(x, w)', bn], initializers: conv, ...image }));
    for (const each of proto.graph?.initializer ?? []) if (each.name === 'v') each.rawData = new Uint8Array(Float32Array.of(1, 1, -1, 1, 1, 1).buffer);
    const { kept } = await foldOnnx(serializeModel(proto));
    expect(kept[0]?.reason).toContain('channel 2 has running_var -1');
  });
});

describe('models that PyTorch wrote', () => {
  test('resnet_bn has the numbers of its folded state dict, and its logits', async () => {
    const given = await readFile(stored('resnet_bn.onnx'));
    const { bytes, pairs, kept } = await foldOnnx(given);
    expect(pairs.map(({ into }) => into)).toHaveLength(6);
    expect(kept).toEqual([]);
    await expectWhole(bytes);
    // The file keeps eps as float32.
    const { state } = foldState(await load(stored('resnet_bn.safetensors')), { eps: Math.fround(1e-5) });
    const initializers = await load(bytes);
    expect([...initializers.keys()].sort()).toEqual([...state.keys()].sort());
    for (const [key, values] of state) expect([key, initializers.get(key)?.toArray()]).toEqual([key, values.toArray()]);

    const expected = await load(stored('resnet_bn.expected.safetensors'));
    const [input, logits] = [expected.get('input'), expected.get('logits')];
    if (input === undefined || logits === undefined) throw new Error('no expected values');
    const atol = 2e-5 * Math.max(...[...logits.data].map((value) => Math.abs(Number(value))));
    expect(closeness((await runOnnx(bytes, input)).get('logits')?.data ?? input.data, logits.data, { rtol: 0, atol })).toBeNull();
  });

  test('what was not folded is there byte for byte', async () => {
    const given = new Uint8Array(await readFile(stored('resnet_bn.onnx')));
    const [before, after] = [graphOf(given), graphOf((await foldOnnx(given)).bytes)];
    const folded = new Set(['Conv', 'BatchNormalization', 'Identity']);
    expect(after.node.filter(({ opType }) => !folded.has(opType))).toEqual(before.node.filter(({ opType }) => !folded.has(opType)));
    expect(after.node.map(({ opType }) => opType).filter((opType) => folded.has(opType))).toEqual(new Array(6).fill('Conv'));
    const [rest, same] = [after, before].map(({ initializer }) => initializer.filter(({ name }) => name.startsWith('fc.')));
    expect(rest).toEqual(same);
    expect([after.input, after.output]).toEqual([before.input, before.output]);
    const [written, read] = [(await foldOnnx(given)).bytes, given].map(parseModel);
    expect({ ...written, graph: null }).toEqual({ ...read, graph: null });
  });

  test('vit: norms that go into linear layers only', async () => {
    const { bytes, pairs, kept } = await foldOnnx(stored('vit.onnx'));
    expect(pairs.map(({ into, kind }) => `${into} ${kind}`)).toEqual([0, 1, 2].flatMap((i) => [
      `/blocks/blocks.${i}/attn/qkv/MatMul layer-norm-linear`, `/blocks/blocks.${i}/mlp/fc1/MatMul layer-norm-linear`,
    ]));
    expect(kept).toEqual([{ norm: '/norm/LayerNormalization', reason: 'Gather behind it is no convolution or linear layer' }]);
    await expectWhole(bytes);
    const norms = graphOf(bytes).node.filter(({ opType }) => opType === 'LayerNormalization').slice(0, -1);
    const initializers = await load(bytes);
    for (const { input: [, scale = '', bias = ''] } of norms) {
      expect([...(initializers.get(scale)?.data ?? [])].every((value) => value === 1)).toBe(true);
      expect([...(initializers.get(bias)?.data ?? [])].every((value) => value === 0)).toBe(true);
    }
  });

  const others = [
    ['encoder', ['Add', 'Transpose', 'Add', 'ReduceMean'].map((each) => `${each} behind it is no convolution or linear layer`)],
    ['resnet_gn', new Array<string>(6).fill('InstanceNormalization has the statistics of its input')],
    ['convnext', []],
  ] as const;

  test.each(others)('%s stays as it is', async (name, reasons) => {
    const given = await readFile(stored(`${name}.onnx`));
    const { bytes, pairs, kept } = await foldOnnx(given);
    expect([pairs, kept.map(({ reason }) => reason)]).toEqual([[], reasons]);
    expect(Buffer.compare(bytes, given)).toBe(0);
  });
});

describe('what is in the file beside', () => {
  const rows: Rows = { nodes: ['c: h = Conv(x, w)', bn, 'f: z = Custom(y; alpha=0.5, axes=[1 2])'], initializers: { w: [6, 4, 1, 1], ...statistics(6) }, ...image, outputs: ['z'] };

  test('unknown fields of every message survive', async () => {
    const proto = parseModel(modelOfRows(rows));
    // With its length, as the library keeps it.
    const note = [{ no: 99, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    const marked = [proto, proto.graph, ...(proto.graph?.node ?? []), ...(proto.graph?.initializer ?? []), ...(proto.graph?.input ?? [])];
    for (const message of marked) if (message !== undefined) message.$unknown = note;
    const after = parseModel((await foldOnnx(serializeModel(proto))).bytes);
    expect(after.$unknown).toEqual(note);
    expect(after.graph?.$unknown).toEqual(note);
    expect(after.graph?.node.map(({ $unknown }) => $unknown)).toEqual([note, note]);
    expect(after.graph?.node[1]?.attribute).toEqual(proto.graph?.node[2]?.attribute);
    expect(after.graph?.input[0]).toEqual(proto.graph?.input[0]);
    expect(after.opsetImport).toEqual(proto.opsetImport);
  });

  test('descriptions of values that are gone go, others stay', async () => {
    const proto = parseModel(modelOfRows(rows));
    proto.graph?.valueInfo.push(...['h', 'y', 'w'].map((name) => createMessage<ValueInfoProto>('ValueInfoProto', { name })));
    const after = graphOf((await foldOnnx(serializeModel(proto))).bytes);
    expect(after.valueInfo.map(({ name }) => name)).toEqual(['y', 'w']);
  });

  test.each([['training_info', null, 20], ['quantization_annotation', 'graph', 14]] as const)('%s: nothing is folded', async (what, place, no) => {
    const proto = parseModel(modelOfRows(rows));
    const message = place === null ? proto : proto.graph;
    if (message !== undefined) message.$unknown = [{ no, wireType: 2, data: new Uint8Array([0]) }];
    await expect(foldOnnx(serializeModel(proto))).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining(`the model has ${what}`) });
  });

  test('weights in another file are folded into the model; those that are left still lie there', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'evenkeel-fold-'));
    try {
      const proto = parseModel(modelOfRows({ ...rows, nodes: [...rows.nodes, 'g: u = Conv(x, w2)'], initializers: { ...rows.initializers, w2: [6, 4, 1, 1] }, outputs: ['z', 'u'] }));
      const weights = (proto.graph?.initializer ?? []).filter(({ name }) => name.startsWith('w'));
      for (const [i, each] of weights.entries()) {
        await writeFile(join(folder, `${i}.bin`), each.rawData);
        Object.assign(each, { rawData: new Uint8Array(0), dataLocation: 1, externalData: [pair('location', `${i}.bin`)] });
      }
      const path = join(folder, 'model.onnx');
      await writeFile(path, serializeModel(proto));
      const folded = await foldOnnx(path);
      expect(folded.pairs).toHaveLength(1);
      expect(folded.beside).toEqual(['1.bin']);
      const opened = await openOnnx(folded.bytes);
      expect([...opened.graph.initializers.values()].map(({ name, location }) => [name, location])).toEqual([['w', null], ['w2', '1.bin'], ['w_bias', null]]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('a model beyond 2 GiB is refused before it is read', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'evenkeel-fold-'));
    try {
      const path = join(folder, 'huge.onnx');
      // A field of 2³¹ bytes that nobody knows, full of holes.
      const head = Uint8Array.from([...modelOfRows(rows), 0x9a, 0x06, 0x80, 0x80, 0x80, 0x80, 0x08]);
      await writeFile(path, head);
      await truncate(path, head.length + 2 ** 31);
      await refusesFile(() => foldOnnx(path), `cannot read '${path}': the folded model would have 21474`);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each<[what: string, tail: readonly number[], message: string]>([
    ['a doc_string that is a number', [0x30, 0x0a], 'the model has field 6 as varint at byte 85317, expected bytes'],
    ['a model_version that is a text', [0x2a, 0x01, 0x31], 'the model has field 5 as bytes at byte 85318, expected varint'],
  ])('%s, which no reader of the graph looks at', async (_, tail, message) => {
    const bytes = new Uint8Array([...(await readFile(stored('resnet_bn.onnx'))), ...tail]);
    await refusesFile(() => foldOnnx(bytes), message);
  });

  test('what is no model is refused as its reader does', async () => {
    await refusesFile(() => foldOnnx(new TextEncoder().encode('one, two')), 'it is no ONNX model');
    await refusesFile(() => foldOnnx(stored('missing.onnx')), 'cannot read');
  });
});
