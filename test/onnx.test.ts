// The ONNX reader: what it reads is what @bufbuild/protobuf parses from the same bytes.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { load, loadCheckpoint, open, openOnnx, type OnnxNode } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { parseModel } from './onnx/schema.js';
import { attribute, bytesOfModel, graph, hex, initializer, message, modelOf, node, tensorProto } from './onnx/build.js';
import { plainOfOpen, plainOfProto, typeNames } from './onnx/plain.js';
import { refusesFile } from './refusal.js';

const stored = (name: string) => fileURLToPath(new URL(`models/${name}`, import.meta.url));

/** Expects that both readers say the same. */
async function agrees(bytes: Uint8Array): Promise<void> {
  const ours = await openOnnx(bytes);
  expect(await plainOfOpen(ours)).toEqual(plainOfProto(parseModel(bytes)));
  await ours.close();
}

async function nodesOf(bytes: Uint8Array): Promise<readonly OnnxNode[]> {
  return (await openOnnx(bytes)).graph.nodes;
}

describe('models that PyTorch wrote', () => {
  const rows = [
    ['convnext', 'convnext_facebook', 8, 15, 173, 48],
    ['encoder', 'encoder', 8, 17, 218, 29],
    ['mlp_weightnorm', 'mlp_weightnorm', 7, 13, 24, 12],
    ['resnet_bn', 'resnet_bn', 7, 13, 23, 31],
    ['resnet_gn', 'resnet_gn', 7, 13, 95, 19],
    ['rms_hybrid', 'rms_hybrid', 7, 14, 200, 26],
    ['vit', 'vit', 8, 17, 257, 44],
  ] as const;

  test.each(rows)('%s', async (name, state, irVersion, opset, nodes, initializers) => {
    const path = stored(`${name}.onnx`);
    await agrees(await readFile(path));
    const opened = await openOnnx(path);
    expect(opened).toMatchObject({ irVersion, producer: 'pytorch 1.13.0', opsets: new Map([['', opset]]), functions: 0 });
    expect([opened.graph.nodes.length, opened.graph.initializers.size]).toEqual([nodes, initializers]);
    await opened.close();

    // The same numbers as in the state dict, where the names are the same.
    const [weights, expected] = [await load(path), await load(stored(`${state}.safetensors`))];
    const shared = [...expected].filter(([key]) => weights.has(key));
    expect(shared.length).toBeGreaterThan(initializers / 2);
    for (const [key, tensor] of shared) expect([key, weights.get(key)?.toArray()]).toEqual([key, tensor.toArray()]);
  });

  test('open gives the initializers as tensors of a file', async () => {
    const file = await open(stored('resnet_bn.onnx'));
    expect(file.kind).toBe('onnx');
    expect(file.entries.get('conv1.weight')).toMatchObject({ dtype: 'float32', format: 'F32' });
    const bias = await file.read('fc.bias');
    expect((await file.readRange('fc.bias', 2, 5)).toArray()).toEqual([...bias.data].slice(2, 5));
    await file.close();
    await expect(file.read('fc.bias')).rejects.toMatchObject({ code: 'disposed' });
    await expect(loadCheckpoint(stored('resnet_bn.onnx'))).rejects.toMatchObject({ code: 'argument' });
  });
});

/** A type's number. */
function typeOf(name: string): number {
  return Number(Object.entries(typeNames).find(([, each]) => each === name)?.[0]);
}

/** A model of graphs in one another. */
function nested(depth: number): Uint8Array {
  let body = message();
  for (let i = 0; i < depth; i++) body = message([1, message([4, 'If'], [5, message([1, 'body'], [6, body], [20, 5])])]);
  return modelOf(body);
}

const inner = graph({ name: 'inner', node: [node({ opType: 'Add', input: ['outer', 'w'], output: ['y'] })], initializer: [tensorProto({ name: 'w', dims: [1n], dataType: 1, floatData: [2] })] });
const text = (value: string) => new TextEncoder().encode(value);

describe('attributes', () => {
  const rows = [
    ['float', { type: 1, f: 0.1 }],
    ['float that is not there', { type: 1 }],
    ['int', { type: 2, i: -1n }],
    ['int of 64 bits', { type: 2, i: -(2n ** 63n) }],
    ['string', { type: 3, s: text('größer') }],
    ['empty string', { type: 3 }],
    ['tensor', { type: 4, t: tensorProto({ dims: [2n], dataType: 1, floatData: [1, 2] }) }],
    ['graph', { type: 5, g: inner }],
    ['graph in a graph', { type: 5, g: graph({ node: [node({ attribute: [attribute({ name: 'body', type: 5, g: inner })] })] }) }],
    ['floats', { type: 6, floats: [1, -0, 1e-45, Infinity] }],
    ['ints', { type: 7, ints: [0n, -1n, 127n, 128n, 2n ** 53n, -(2n ** 63n), 2n ** 63n - 1n] }],
    ['strings', { type: 8, strings: [text('a'), text('')] }],
    ['tensors', { type: 9, tensors: [tensorProto({ name: 'a', dataType: 1, floatData: [1] }), tensorProto({ name: 'b', dims: [0n], dataType: 7 })] }],
    ['graphs', { type: 10, graphs: [inner, graph({})] }],
    ['no floats', { type: 6 }],
  ] as const;

  test.each(rows)('%s', async (_, fields) => {
    // Lists of the rows are readonly, which the messages' are not.
    const one = attribute({ name: 'a', ...(fields as object) });
    await agrees(bytesOfModel({ node: [node({ attribute: [one, attribute({ name: 'b', type: 2, i: 3n })] })] }));
  });

  test('without a type, as the first version of ONNX has them: the field that is there tells', async () => {
    const [only] = await nodesOf(bytesOfModel({ node: [node({ attribute: [attribute({ name: 'a', floats: [1, 2] }), attribute({ name: 'b' })] })] }));
    expect(only?.attributes.get('a')).toEqual({ kind: 'floats', value: [1, 2] });
    expect(only?.attributes.get('b')).toEqual({ kind: 'unread', value: 'UNDEFINED' });
  });

  test('packed numbers, those of a function, and what is not read', async () => {
    const attributes = [
      [[1, 'packed'], [8, hex('01 7f 80 01')], [8, 5], [20, 7]],
      [[1, 'reals'], [7, hex('0000803f 00000040')], [20, 6]],
      [[1, 'formal'], [20, 1], [21, 'alpha']],
      [[1, 'sparse'], [22, hex('')], [20, 11]],
      [[1, 'blob'], [4, hex('ff fe')], [20, 3]],
      [[1, 'future'], [20, 77]],
    ] as const;
    const bytes = modelOf(message([1, message([4, 'Op'], ...attributes.map((fields) => [5, message(...fields)] as const))]));
    const [only] = await nodesOf(bytes);
    expect(Object.fromEntries(only?.attributes ?? [])).toEqual({
      packed: { kind: 'ints', value: [1, 127, 128, 5] },
      reals: { kind: 'floats', value: [1, 2] },
      formal: { kind: 'reference', value: 'alpha' },
      sparse: { kind: 'unread', value: 'SPARSE_TENSOR' },
      blob: { kind: 'unread', value: 'STRING' },
      future: { kind: 'unread', value: 'TYPE_77' },
    });
  });
});

describe('elements of tensors', () => {
  const raw = [
    ['FLOAT', '0000803f 000000c0 0000807f 01000080'],
    ['UINT8', '00 01 ff'],
    ['INT8', '00 7f 80'],
    ['UINT16', '0000 ffff'],
    ['INT16', 'ff7f 0080'],
    ['INT32', 'ffffff7f 00000080'],
    ['INT64', 'ffffffffffffff7f 0000000000000080'],
    ['BOOL', '00 01'],
    ['FLOAT16', '003c ff7b 0100 0080'],
    ['DOUBLE', '182d4454fb210940 0100000000000000'],
    ['UINT32', 'ffffffff 00000000'],
    ['BFLOAT16', '803f 7f7f 0100'],
  ] as const;
  const widths: Readonly<Record<string, number>> = { UINT8: 1, INT8: 1, BOOL: 1, UINT16: 2, INT16: 2, FLOAT16: 2, BFLOAT16: 2, INT64: 8, DOUBLE: 8 };

  test.each(raw)('raw_data of %s', async (type, bytes) => {
    const rawData = hex(bytes);
    const dims = [BigInt(rawData.length / (widths[type] ?? 4)), 1n];
    await agrees(bytesOfModel({ initializer: [tensorProto({ name: 'w', dims, dataType: typeOf(type), rawData })] }));
  });

  const typed = [
    ['FLOAT', { floatData: [1, -2, 0.5] }],
    ['DOUBLE', { doubleData: [Math.PI, -0] }],
    ['INT64', { int64Data: [-1n, 2n ** 63n - 1n, -(2n ** 63n), 300n] }],
    ['UINT32', { uint64Data: [0n, 2n ** 32n - 1n] }],
    ['INT32', { int32Data: [-1, 2 ** 31 - 1, -(2 ** 31)] }],
    ['INT16', { int32Data: [-32768, 32767] }],
    ['INT8', { int32Data: [-128, 127] }],
    ['UINT16', { int32Data: [0, 65535] }],
    ['UINT8', { int32Data: [0, 255] }],
    ['BOOL', { int32Data: [1, 0] }],
    ['FLOAT16', { int32Data: [0x3c00, 0x8000, 0x7bff] }],
    ['BFLOAT16', { int32Data: [0x3f80, 0xff80] }],
  ] as const;

  test.each(typed)('fields of %s', async (type, fields) => {
    const dims = [BigInt(Object.values(fields)[0]?.length ?? 0)];
    // As above.
    const given = { name: 'w', dims, dataType: typeOf(type), ...(fields as object) };
    const bytes = bytesOfModel({ initializer: [tensorProto(given)] });
    await agrees(bytes);
    const file = await open(bytes);
    const [, last] = [...(await file.read('w')).data];
    expect([...(await file.readRange('w', 1, 2)).data]).toEqual([last]);
  });

  test('scalars, and no elements', async () => {
    const scalar = tensorProto({ name: 's', dataType: 1, floatData: [3] });
    const none = tensorProto({ name: 'n', dims: [2n ** 40n, 0n], dataType: 11 });
    await agrees(bytesOfModel({ initializer: [scalar, none] }));
  });

  test('one by one, in parts, and after raw_data: the order of fields is free', async () => {
    const loose = initializer([1, 3], [7, 1], [7, hex('02 ff ff ff ff ff ff ff ff ff 01')], [2, 7]);
    expect((await load(loose)).get('w')?.toArray()).toEqual([1, 2, -1]);
    const backwards = initializer([9, hex('0000803f 00000040')], [2, 1], [1, hex('01 02')]);
    expect((await load(backwards)).get('w')?.toArray()).toEqual([[1, 2]]);
    // An int32 is what is left of its varint in 32 bits.
    expect((await load(initializer([1, 1], [2, 6], [5, hex('ff ff ff ff 0f')]))).get('w')?.toArray()).toEqual([-1]);
  });

  const unheld = [
    ['STRING', { stringData: [text('a')] }],
    ['UINT64', { uint64Data: [1n] }],
    ['COMPLEX64', { rawData: new Uint8Array(8) }],
    ['FLOAT8E4M3FN', { rawData: new Uint8Array(1) }],
    ['INT4', { rawData: new Uint8Array(1) }],
    ['TYPE_99', { rawData: new Uint8Array(1) }],
    ['UNDEFINED', {}],
  ] as const;

  test.each(unheld)('%s is described, and refused when it is read', async (type, fields) => {
    const given = { name: 'odd', dims: [1n], dataType: typeOf(type), ...(fields as object) }; // as above
    const plain = tensorProto({ name: 'w', dims: [1n], dataType: 1, floatData: [1] });
    const bytes = bytesOfModel({ initializer: [tensorProto(given), plain] });
    const refusal = `'odd' is of ONNX's type ${type}, which no tensor holds`;
    const opened = await openOnnx(bytes);
    expect(opened.graph.initializers.get('odd')).toMatchObject({ elementType: type, shape: [1], dtype: null, format: null });
    await refusesFile(() => opened.read('odd'), refusal);
    expect((await opened.read('w')).toArray()).toEqual([1]);
    const file = await open(bytes);
    expect(file.keys()).toEqual(['w']);
    await refusesFile(() => file.read('odd'), refusal);
    await refusesFile(() => load(bytes), refusal);
    await expect(load(bytes)).rejects.toMatchObject({ data: { problem: 'unsupported' } });
  });

  test('only the tensors of the model, by name or as such', async () => {
    const bytes = bytesOfModel({ initializer: [tensorProto({ name: 'w', dims: [1n], dataType: 1, floatData: [1] })] });
    const [first, second] = [await openOnnx(bytes), await openOnnx(bytes)];
    const tensor = first.graph.initializers.get('w');
    if (tensor === undefined) throw new Error('no initializer');
    expect((await first.read(tensor)).toArray()).toEqual([1]);
    await expect(second.read(tensor)).rejects.toMatchObject({ code: 'argument' });
    await expect(first.read('v')).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining("no initializer is called 'v'") });
    await first.close();
    await expect(first.read('w')).rejects.toMatchObject({ code: 'disposed' });
  });
});

describe('the message as protobuf has it', () => {
  test('of a field that comes twice the last counts, and unknown ones are stepped over', async () => {
    const twice = message([1, 3], [99, 'unknown'], [1, 8], [200, 7], [7, message([2, 'first'], [2, 'second'], [10, 'doc'], [77, hex('ff ff')])]);
    expect(await openOnnx(twice)).toMatchObject({ irVersion: 8, graph: { name: 'second' } });
  });

  test('dimensions have an extent, a name, or neither; ONNX says its domain in two ways', async () => {
    const dims = [message([1, 0]), message([2, 'batch']), message(), message([1, 3], [2, 'last']), message([2, 'first'], [1, 4]), message([1, -1])];
    const type = message([1, message([1, 1], [2, message(...dims.map((dim) => [1, dim] as const))])]);
    const values = [message([1, 'x'], [2, type]), message([1, 'y']), message([1, 's'], [2, message([4, hex('')])])];
    const bytes = message([1, 8], [7, message(...values.map((value) => [11, value] as const), [1, message([4, 'Relu'], [7, 'ai.onnx'])])], [8, message([1, 'ai.onnx'], [2, 21])]);
    const { graph: found, opsets } = await openOnnx(bytes);
    expect(found.inputs).toEqual([
      { name: 'x', elementType: 'FLOAT', shape: [0, 'batch', null, 'last', 4, null] },
      { name: 'y', elementType: 'UNDEFINED', shape: null },
      { name: 's', elementType: 'UNDEFINED', shape: null },
    ]);
    expect(found.nodes[0]?.domain).toBe('');
    expect([...opsets]).toEqual([['', 21]]);
  });

  test('functions are counted, metadata are texts', async () => {
    const metadata = [message([1, '__proto__'], [2, 'a']), message([1, 'author'])].map((each) => [14, each] as const);
    const found = await openOnnx(message([1, 8], [7, hex('')], [25, hex('')], [25, hex('')], ...metadata));
    expect(found.functions).toBe(2);
    expect(Object.entries(found.metadata)).toEqual([['__proto__', 'a'], ['author', '']]);
  });

  test('64 graphs in one another are read, 65 are not', async () => {
    expect(await nodesOf(nested(64))).toHaveLength(1);
    await refusesFile(() => openOnnx(nested(65)), 'graphs nest deeper than 64');
    await refusesFile(() => openOnnx(nested(500)), 'graphs nest deeper than 64');
  });
});
