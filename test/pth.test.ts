// Reading .pth: what PyTorch saved, value for value, and what is refused, be it PyTorch's or an attacker's.
// The files of test/io are written, and their values stored, by test/io/generate.py.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { memory } from 'evenkeel';
import { load, open, readPth } from 'evenkeel/io';
import { describe, expect, test } from 'vitest';
import { dict, int, numbers, pth, tensorOps, text, tuple, zip } from '../tools/fuzz/archive.js';
import { refusesFile } from './refusal.js';

const file = (name: string) => fileURLToPath(new URL(`io/${name}`, import.meta.url));

interface Stored {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly values: readonly (number | boolean)[];
}

// As generate.py writes it.
const { generator, ...saved } = JSON.parse(await readFile(file('expected.json'), 'utf8')) as Record<string, Record<string, Stored>>;

const dtypeOf = (dtype: string) => {
  if (dtype === 'float64' || dtype === 'bool') return dtype;
  return dtype.includes('float') ? 'float32' : 'int64';
};

describe('what PyTorch saved is read value for value', () => {
  expect(generator).toHaveProperty('torch');
  const entries: Readonly<Record<string, string>> = { several: 'model' };

  test.each(Object.entries(saved))('%s', async (name, expected) => {
    const options = entries[name] === undefined ? {} : { entry: entries[name] };
    const tensors = await load(file(`${name}.pth`), options);
    expect([...tensors.keys()]).toEqual(Object.keys(expected));
    for (const [key, { dtype, shape, values }] of Object.entries(expected)) {
      expect(tensors.get(key), key).toMatchObject({ dtype: dtypeOf(dtype), shape });
      expect(Array.from(tensors.get(key)?.data ?? [], Number), key).toEqual(values.map(Number));
    }
    const opened = await open(new Blob([await readFile(file(`${name}.pth`))]), options);
    for (const key of opened.keys()) {
      const { shape, dtype } = opened.entries.get(key) ?? {};
      const one = await opened.read(key);
      expect(one).toMatchObject({ shape, dtype });
      expect(one.data, key).toStrictEqual(tensors.get(key)?.data);
    }
  });
});

describe('a checkpoint of several dicts', () => {
  test.each([
    ['model', ['fc.weight', 'fc.bias', 'bn.weight', 'bn.bias', 'bn.running_mean', 'bn.running_var', 'bn.num_batches_tracked']],
    ['ema.model', ['w']],
    ['', ['best']],
  ])("entry '%s'", async (entry, keys) => {
    expect([...(await load(file('several.pth'), { entry })).keys()]).toEqual(keys);
  });

  test('has to be chosen from', async () => {
    await refusesFile(() => load(file('several.pth')), "several dicts of tensors are in it, the outermost, 'model', 'ema.model': choose with { entry: 'model' }");
    await expect(load(file('several.pth'), { entry: 'ema' })).rejects.toMatchObject({
      code: 'argument',
      message: expect.stringContaining("no dict of tensors is called 'ema': there are the outermost, 'model', 'ema.model'"),
    });
    await expect(load(new URL('models/vit.safetensors', import.meta.url), { entry: 'model' })).rejects.toMatchObject({ code: 'argument' });
    // What JavaScript can call.
    await expect(load(file('several.pth'), { entri: 'model' } as object)).rejects.toMatchObject({ code: 'argument', message: expect.stringContaining('got entri') });
  });
});

describe("what PyTorch saves and is no state dict is refused by name", () => {
  test.each([
    ['whole_module.pth', "the pickle asks for 'torch.nn.modules.container.Sequential', which is refused: nothing but tensors and plain containers is read, and nothing is run: save model.state_dict()"],
    ['complex.pth', "'torch.ComplexFloatStorage', which is refused: complex numbers"],
    ['quantized.pth', "'torch._utils._rebuild_qtensor', which is refused: quantized tensors"],
    ['sparse.pth', "'torch._utils._rebuild_sparse_tensor', which is refused: sparse tensors"],
    ['numpy_scalar.pth', "'numpy._core.multiarray.scalar', which is refused: numbers and arrays of NumPy"],
    ['optimizer.pth', "no state dict is in it, but a dict of 'state' (a dict of 4), 'param_groups' (a list of 1)"],
    ['list.pth', 'no state dict is in it, but a list of 1'],
    ['legacy.pth', 'the format of PyTorch before 1.6, a stream of pickles: in PyTorch, torch.save(torch.load(path), path)'],
    ['torchscript.pth', 'it is a TorchScript archive, which holds code: save torch.jit.load(path).state_dict()'],
    ['plain_pickle.pth', 'a plain pickle, which can run code'],
  ])('%s', async (name, message) => {
    await refusesFile(() => load(file(name)), message);
  });
});

describe('settings of classes that hold data alone stand beside a state dict, and are dropped', () => {
  const namespace = `cargparse\nNamespace\n)\x81}${text('lr')}K\x01sb`;
  const path = `cpathlib\nPosixPath\n${tuple(text('a'))}R`;
  const settings = `cyacs.config\nCfgNode\n)\x81(${text('a')}Nu}${text('b')}Nsb`;
  const model = `\x80\x02}${text('model')}}${text('w')}${tensorOps()}ss`;

  test.each([
    ['a Namespace', namespace],
    ['a Namespace of a path', namespace.replace('K\x01', () => path)],
    ['a dict of another class', settings],
    ['a list of another class', 'ccollections\nCounter\n)\x81(Ne'],
  ])('%s', async (_, ops) => {
    expect([...(await readPth(pth(`${model}${text('args')}${ops}s.`, { 0: eight }))).keys()]).toEqual(['w']);
  });

  test.each([
    ['in the dict that is chosen', beside(`${text('args')}${namespace}s`), "the pickle asks for 'argparse.Namespace', which is refused: nothing but tensors"],
    ['alone', `\x80\x02${namespace}.`, 'no state dict is in it, but a value of argparse.Namespace'],
    ['as a function of another name', `${model}${text('args')}cargparse\nArgumentParser\n)\x81s.`, "the pickle asks for 'argparse.ArgumentParser', which is refused"],
  ])('but not %s', async (_, pickle, message) => {
    await refusesFile(() => readPth(pth(pickle, { 0: eight })), message);
  });
});

const eight = new Uint8Array(8);

const asks = (name: string) => `the pickle asks for '${name}', which is refused`;

describe('hostile pickles run nothing', () => {
  const marker = '/tmp/evenkeel-was-here';
  const rows: readonly (readonly [what: string, pickle: string, message: string])[] = [
    ['GLOBAL and REDUCE of eval', `\x80\x02cbuiltins\neval\n(X\x01\x00\x00\x001tR.`, asks('builtins.eval')],
    ['STACK_GLOBAL', `\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x04true\x85R.`, asks('posix.system')],
    ['a name in two halves', `\x80\x04\x8c\x08builtins\x8c\x12object.__reduce__.x\x93.`, 'malformed pickle'],
    ['INST', `(S'touch ${marker}'\nios\nsystem\n.`, asks('os.system')],
    ['OBJ', `(cos\nsystem\nS'touch ${marker}'\no.`, asks('os.system')],
    ['NEWOBJ', `\x80\x02csubprocess\nPopen\n(S'touch ${marker}'\nt\x81.`, asks('subprocess.Popen')],
    ['NEWOBJ_EX', `\x80\x04ccollections\nOrderedDict\n)}\x92.`, 'opcode NEWOBJ_EX is refused'],
    ['EXT1', '\x80\x02\x82\x01.', 'opcode EXT1 is refused'],
    ['NEXT_BUFFER', '\x80\x05\x97.', 'opcode NEXT_BUFFER is refused'],
    ['a getattr', `\x80\x02c__builtin__\ngetattr\n.`, asks('__builtin__.getattr')],
    ['an allowed name called that is none', '\x80\x02ctorch\nFloatStorage\n)R.', 'torch.FloatStorage is called, and is no function'],
    ['a call of a string', `\x80\x02${text('eval')})R.`, 'a value is called, and is no function'],
    ['a call with a list', '\x80\x02ccollections\nOrderedDict\n]R.', 'the arguments of a call are no tuple'],
    ['a state on a list', '\x80\x02]}b.', 'a state is set on what has none'],
    ['a state on a function', '\x80\x02ccollections\nOrderedDict\n}b.', 'a state is set on what has none'],
    ['a constructor by prototype', '\x80\x02c__proto__\nconstructor\n)R.', asks('__proto__.constructor')],
  ];
  test.each(rows)('%s', async (_, pickle, message) => {
    await refusesFile(() => readPth(pth(pickle)), message);
    expect(existsSync(marker)).toBe(false);
  });
});

describe('malformed pickles', () => {
  const huge = String.fromCharCode(...numbers([2 ** 31, 4]));
  const huger = String.fromCharCode(...numbers([Number.MAX_SAFE_INTEGER, 8]));
  const rows: readonly (readonly [what: string, pickle: string, message: string])[] = [
    ['nothing', '', '1 bytes are announced and 0 left'],
    ['no end', '\x80\x02}', '1 bytes are announced and 0 left'],
    ['an empty stack', '\x80\x02.', 'the stack is empty'],
    ['values left over', '\x80\x02}}.', 'values are left on the stack'],
    ['an open mark', '\x80\x02(}.', 'values are left on the stack'],
    ['no mark', '\x80\x02}u.', 'there is no mark'],
    ['protocol 6', '\x80\x06}.', 'protocol is none of 0 to 5'],
    ['an unknown opcode', '\x80\x02}\xff.', "no opcode is called '\\xff'"],
    ['a string of 2 GiB', `\x80\x02X${huge}ab.`, `${2 ** 31} bytes are announced and 3 left`],
    ['a string of 8 PiB', `\x80\x04\x8d${huger}ab.`, 'bytes are announced'],
    ['bytes of 2 GiB', `\x80\x03B${huge}ab.`, `${2 ** 31} bytes are announced and 3 left`],
    ['a bytearray of 8 PiB', `\x80\x05\x96${huger}ab.`, 'bytes are announced'],
    ['a number of 2 GiB', `\x80\x02\x8b${huge}ab.`, 'a whole number of 2147483648 bytes'],
    ['a frame of 8 PiB', `\x80\x04\x95${huger}}.`, 'bytes are announced'],
    ['a number of a million digits', `I${'9'.repeat(1_000_000)}\n.`, 'a whole number that is none'],
    ['no number', 'F1e\n.', "'1e' is no number"],
    ['a float of a million digits', `F${'9'.repeat(1_000_000)}e\n.`, 'a number of 1000001 characters'],
    ['no line', 'I12.', 'a line has no end'],
    ['no quotes', 'Sabc\n.', 'a string without quotes'],
    ['a string that is no UTF-8', '\x80\x02X\x01\x00\x00\x00\xff.', 'a string is not UTF-8'],
    ['a memo of nothing', '\x80\x02h\x05.', 'the memo holds nothing under 5'],
    ['a memo below zero', '}p-1\n.', '-1 is no place in the memo'],
    ['marks without end', `\x80\x02${'('.repeat(100_000)}`, 'more than 1000 marks are open'],
    ['a list as a key', '\x80\x02}]Ns.', 'a key is a container'],
    ['a key without a value', '\x80\x02}(Nu.', 'a key has no value'],
    ['items appended to a dict', '\x80\x02}Na.', 'what is no list'],
    ['items set in a list', '\x80\x02]NNs.', 'what is no dict'],
    ['items added to a list', '\x80\x04](N\x90.', 'what is no set'],
    ['a name that is no string', '\x80\x04NN\x93.', 'a name is no string'],
    ['a persistent id that is text', 'Pstorage\n.', 'a persistent id names no storage'],
    ['a persistent id that is empty', '\x80\x02)Q.', 'a persistent id names no storage'],
    ['a persistent id of another kind', `\x80\x02${tuple(text('module'), 'ctorch\nFloatStorage\n', text('0'))}Q.`, 'names no storage'],
    ['a storage whose class is a function', `\x80\x02${tuple(text('storage'), 'ccollections\nOrderedDict\n', text('0'))}Q.`, 'names no storage'],
    ['a storage whose key is a number', `\x80\x02${tuple(text('storage'), 'ctorch\nFloatStorage\n', int(0))}Q.`, 'names no storage'],
    ['a tensor of nothing', '\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.', 'a tensor is no storage, offset, sizes and strides'],
    ['a parameter of nothing', '\x80\x02ctorch._utils\n_rebuild_parameter\n)R.', 'a parameter is no tensor'],
    ['a tensor rebuilt by a set', `\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n${tuple('cbuiltins\nset\n', 'N', ')', 'N')}R.`, 'a parameter is no tensor'],
    ['a tensor rebuilt by what rebuilds', `\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x01${tuple('h\x01', 'N', tuple('h\x01', 'N', ')'), 'N')}R.`, 'a parameter is no tensor'],
    ['a set of a number', `\x80\x02cbuiltins\nset\n${tuple(int(5))}R.`, 'a container is made of no list'],
  ];
  test.each(rows)('%s', async (_, pickle, message) => {
    await refusesFile(() => readPth(pth(pickle, { 0: eight })), message);
  });

  test.each([
    ['a list that holds itself', '\x80\x02]q\x00h\x00a.', 'no state dict is in it, but a list of 1'],
    ['a dict that holds itself', `\x80\x02}q\x00${text('a')}h\x00s.`, "no state dict is in it, but a dict of 'a' (a dict of 1)"],
    ['lists doubled 60 times', `\x80\x02]q\x00${'0](h\x00h\x00eq\x00'.repeat(60)}.`, 'no state dict is in it, but a list of 2'],
    ['dicts doubled 60 times', `\x80\x02}q\x00${`0}(${text('a')}h\x00${text('b')}h\x00uq\x00`.repeat(60)}.`, 'no state dict is in it'],
    ['a text of lists doubled 60 times', `\x80\x02]q\x00${'0](h\x00h\x00eq\x00'.repeat(60)}0ctorch\ndevice\n(h\x00tR.`, 'but a list of 2'],
    ['sizes of lists doubled 60 times', `\x80\x02]q\x00${'0](h\x00h\x00eq\x00'.repeat(60)}0${dict('w', tensorOps({ size: '(h\x00t' })).slice(2)}`, 'its shape is [a list]'],
    ['an offset of lists doubled 60 times', `\x80\x02]q\x00${'0](h\x00h\x00eq\x00'.repeat(60)}0${dict('w', tensorOps({ offset: 'h\x00' })).slice(2)}`, 'offset a list'],
    ['a list copied a thousand times', `\x80\x02](${'N'.repeat(1000)}eq\x000c__builtin__\nset\nq\x01${'0h\x01(h\x00tR'.repeat(1000)}.`, 'lists are copied again and again'],
    ['two million dicts', `\x80\x02${'}0'.repeat(2 ** 21)}}.`, 'more than 1048576 containers are made'],
    ['a pickle of 33 MiB', `${'N0'.repeat(33 * 2 ** 19)}N.`, 'its pickle has 34603010 bytes, 33554432 at most'],
    ['three million values', `(${'N'.repeat(3e6)}l.`, 'more than 2097152 values are on the stack'],
    ['two million memos', `\x80\x04}(${'N\x94'.repeat(2 ** 21)}`, 'more than 1048576 values are in the memo'],
    ['dicts nested 100 000 deep', `\x80\x02}q\x00${`0}${text('a')}h\x00sq\x00`.repeat(100_000)}.`, 'no state dict is in it'],
    ['lists nested 100 000 deep', `\x80\x02${']'.repeat(100_000)}${'a'.repeat(99_999)}.`, 'no state dict is in it, but a list of 1'],
  ])('%s', async (_, pickle, message) => {
    const bytes = pth(pickle, { 0: eight });
    await expect(readPth(bytes)).rejects.toMatchObject({ code: 'file', message: expect.stringContaining(message) });
  });
});

/** As a tensor with attributes is written: the call and its arguments apart. */
const typed = (ops: string): string => {
  const [, name = '', args = ''] = /^(c[^(]+)([^]*)R$/.exec(ops) ?? [];
  return `ctorch._tensor\n_rebuild_from_type_v2\n${tuple(name, 'ctorch\nTensor\n', args, `}${text('decays')}\x89s`)}R`;
};

describe('tensors that are not in their storage', () => {
  const most = int(Number.MAX_SAFE_INTEGER);
  const rows: readonly (readonly [what: string, ops: string, message: string])[] = [
    ['too many', tensorOps({ size: tuple(int(3)) }), "storage too short: 'w' of shape [3] needs 12 bytes of it, it has 8"],
    ['an offset', tensorOps({ offset: int(1) }), 'needs 12 bytes of it, it has 8'],
    ['a stride', tensorOps({ stride: tuple(int(2)) }), 'needs 12 bytes of it, it has 8'],
    ['a wider dtype', tensorOps({ type: 'torch LongStorage' }), 'needs 16 bytes of it, it has 8'],
    ['strides beyond 2⁵³', tensorOps({ stride: tuple(most) }), 'needs'],
    ['strides of 2⁶³', tensorOps({ stride: tuple(int(-(2n ** 63n))) }), 'bad strides'],
    ['sizes whose product is beyond 2⁵³', tensorOps({ size: tuple(most, most), stride: tuple(int(0), int(0)) }), 'its tensors would take'],
    ['more memory than the file has', tensorOps({ size: tuple(int(1e9)), stride: tuple(int(0)) }), 'its tensors would take 4000000000 bytes'],
    ['a negative size', tensorOps({ size: tuple(int(-2)) }), "'w' has a bad dimension: its shape is [-2]"],
    ['two negative sizes', tensorOps({ size: tuple(int(-1), int(-2)), stride: tuple(int(2), int(1)) }), 'its shape is [-1, -2]'],
    ['a size of text', tensorOps({ size: tuple(text('2')) }), 'bad dimension'],
    ['a negative offset', tensorOps({ offset: int(-1) }), "'w' has bad strides: offset -1"],
    ['a negative stride', tensorOps({ offset: int(1), stride: tuple(int(-1)) }), 'offset 1, strides [-1]'],
    ['too few strides', tensorOps({ size: tuple(int(1), int(2)) }), "'w' has 2 sizes and 1 strides"],
    ['65 axes', tensorOps({ size: tuple(...Array<string>(65).fill(int(1))), stride: tuple(...Array<string>(65).fill(int(1))) }), "'w' has 65 sizes and 65 strides: as many are needed, up to 64"],
    ['no record', tensorOps({ key: '7' }), "'w' lies in record 'x/data/7', which the archive does not have"],
    ['a record elsewhere', tensorOps({ key: '../version' }), "'w' lies in record 'x/data/../version'"],
    ['elements to be negated', tensorOps().replace(/tR$/, `}${text('neg')}\x88stR`), 'whose elements are negated or conjugated is not read: save x.resolve_neg()'],
    ['a storage of no dtype', tensorOps({ type: 'torch.storage UntypedStorage' }), 'a tensor is no storage'],
  ];
  test.each(rows)('%s', async (_, ops, message) => {
    await refusesFile(() => readPth(pth(dict('w', ops), { 0: eight })), message);
  });

  test('many views of one storage do not fill memory', async () => {
    const storage = new Uint8Array(2 ** 20);
    const view = tensorOps({ size: tuple(int(2 ** 18)) });
    const items = Array.from({ length: 200 }, (_, i) => text(`w${i}`) + view).join('');
    await refusesFile(() => readPth(pth(`\x80\x02}(${items}u.`, { 0: storage })), 'its tensors would take 209715200 bytes');
  });

  test('a tensor that is refused takes those before it along', async () => {
    const before = memory().tensors;
    const flags = tensorOps({ type: 'torch BoolStorage', key: '1' });
    const bytes = pth(`\x80\x02}${text('a')}${tensorOps()}s${text('b')}${flags}s.`, { 0: eight, 1: Uint8Array.of(0, 2) });
    await refusesFile(() => readPth(bytes), 'a bool is 0 or 1');
    expect(memory().tensors).toBe(before);
  });

  test('nor one tensor under many names', async () => {
    const first = `${text('w')}${tensorOps()}q\x05`;
    const names = Array.from({ length: 200_000 }, (_, i) => `${text(`w${i}`)}h\x05`).join('');
    const pickle = zip([{ name: 'x/data.pkl', content: Buffer.from(`\x80\x02}(${first}${names}u.`, 'latin1'), method: 8 }, { name: 'x/data/0', content: eight }]);
    await refusesFile(() => readPth(pickle), 'its tensors would take 204801024 bytes, which is too much for a file of');
  });

  const [v2, untyped] = [tensorOps(), tensorOps({ type: 'torch.storage UntypedStorage' })];
  const v3 = untyped.replace('tensor_v2', 'tensor_v3').replace(/tR$/, 'ctorch\nuint16\ntR');
  const v1 = v2.replace('tensor_v2', 'tensor').replace('\x89ccollections\nOrderedDict\n)R', '');
  test.each([
    ['_rebuild_tensor_v2', v2, [3, 4]],
    ['_rebuild_tensor_v3, of a dtype that has no storage class', v3, [0, 0x4040]],
    ['_rebuild_tensor, the oldest', v1, [3, 4]],
    ['_rebuild_parameter', `ctorch._utils\n_rebuild_parameter\n${tuple(v2, '\x88', 'N')}R`, [3, 4]],
    ['_rebuild_parameter_with_state', `ctorch._utils\n_rebuild_parameter_with_state\n${tuple(v2, '\x88', 'N', '}')}R`, [3, 4]],
    ['_rebuild_from_type_v2, with attributes', typed(v2), [3, 4]],
  ])('one that is in it, by %s', async (_, ops, values) => {
    const bytes = new Uint8Array(Float32Array.of(3, 4).buffer);
    expect((await readPth(pth(dict('w', ops), { 0: bytes }))).get('w')?.toArray()).toEqual(values);
  });
});

/** A state dict with an item beside its tensor. */
const beside = (item: string) => dict('w', tensorOps()).replace('}', `}${item}`);

describe('pickles of protocols that torch.save does not use', () => {
  test.each([
    ['text', "S'a\\'\\n\\x41'\nI01\ns"],
    ['whole numbers', 'L12345678901234567890L\nJ\xff\xff\xff\xffsM\x01\x02I00\ns'],
    ['floats', 'F-1.5e3\nFnan\nsF-inf\nF.5\ns'],
    ['a memo by text and by four bytes', '(lp12\ng12\n0r\x01\x00\x00\x00j\x01\x00\x00\x0000'],
    ['lists and dicts', 'I1\n(NNls(NNd0'],
    ['short strings', 'U\x01aT\x01\x00\x00\x00bs'],
    ['sets', '\x8f(NI5\n\x900(N\x910'],
    ['bytes', 'C\x01\xffB\x01\x00\x00\x00\xfes'],
    ['marks dropped', '(NN1(0'],
    ['a value twice', 'N200'],
    ['a device', `ctorch\ndevice\n${tuple(text('cuda'), int(0))}R0`],
    ['a set', `c__builtin__\nset\n${tuple('](NNe')}R0`],
    ['an OrderedDict of pairs', `ccollections\nOrderedDict\n${tuple(']](NNea')}R0`],
  ])('%s beside a tensor', async (_, item) => {
    expect([...(await readPth(pth(beside(item), { 0: eight }))).keys()]).toEqual(['w']);
  });

  test.each([
    ['of protocol 0', "S'a\\'\\n\\x41'\n", "a'\nA"],
    ['of protocol 0, in Unicode', 'V\\u00e9\xe9\\U0001F600\\n\n', 'éé😀\\n'],
    ['of protocol 1', 'U\x01a', 'a'],
    ['of protocol 2', 'X\x02\x00\x00\x00\xc3\xa9', 'é'],
    ['of protocol 4', '\x8c\x02\xc3\xa9', 'é'],
    ['of more than 4 GiB, which it is not', '\x8d\x02\x00\x00\x00\x00\x00\x00\x00\xc3\xa9', 'é'],
    ['that is empty', 'X\x00\x00\x00\x00', ''],
    ['that means something in JavaScript', text('__proto__'), '__proto__'],
  ])('a key %s', async (_, key, name) => {
    expect([...(await readPth(pth(`\x80\x02}${key}${tensorOps()}s.`, { 0: eight }))).keys()]).toEqual([name]);
  });
});

const word = (name: string, value: string) => ({ name: `x/${name}`, content: new TextEncoder().encode(value) });

describe('archives', () => {
  const content = Uint8Array.from(dict('w', tensorOps()), (character) => character.charCodeAt(0));
  const pkl = { name: 'x/data.pkl', content };
  const storage = { name: 'x/data/0', content: eight };
  const whole = zip([pkl, storage]);
  const rows: readonly (readonly [what: string, bytes: Uint8Array, message: string])[] = [
    ['no end', whole.subarray(0, -1), 'not a complete zip archive: its end is missing'],
    ['bytes after the end', Uint8Array.from([...whole, 0]), 'its end is missing'],
    ['a directory elsewhere', zip([pkl, storage], { begin: 5 }), 'does not end at'],
    ['a directory longer than the file', zip([pkl, storage], { size: 2 ** 32 - 1 }), 'does not end at'],
    ['more records than there are', zip([pkl, storage], { count: 65535 }), 'not a complete zip archive'],
    ['fewer records than there are', zip([pkl, storage], { count: 1 }), 'left over in its directory'],
    ['a part of several', zip([pkl, storage], { disk: 1 }), 'split over several files'],
    ['an encrypted record', zip([{ ...pkl, flags: 1 }, storage]), "record 'x/data.pkl' is encrypted"],
    ['another method', zip([{ ...pkl, method: 12 }, storage]), 'compressed by method 12'],
    ['a size that no compression reaches', zip([{ ...pkl, method: 8, size: 2 ** 32 - 2 }, storage]), `cannot have ${2 ** 32 - 2} bytes`],
    ['a stored record of two sizes', zip([{ ...pkl, size: 5 }, storage]), 'cannot have 5 bytes'],
    ['a record that runs into the directory', zip([pkl, { ...storage, size: 500, packed: 500 }]), "runs into the archive's directory"],
    ['a record twice', zip([pkl, storage, storage]), "record 'x/data/0' stands twice"],
    ['records at one place', zip([pkl, { ...storage, offset: 0 }]), 'records overlap'],
    ['records that overlap', zip([pkl, { ...storage, offset: 4 }]), 'records overlap'],
    ['a local header that is none', zip([{ ...pkl, offset: 1 }, storage]), "the header of record 'x/data.pkl' contradicts"],
    ['a local header of another name', zip([{ ...pkl, localName: 'y/data.pkl' }, storage]), 'contradicts the directory'],
    ['a damaged pickle', zip([{ ...pkl, crc: 5 }, storage]), "record 'x/data.pkl' is damaged: its CRC-32 is"],
    ['a damaged storage', zip([pkl, { ...storage, crc: 5 }]), "record 'x/data/0' is damaged"],
    ['a deflated record that is longer', zip([{ ...pkl, method: 8, size: content.length - 1 }, storage]), 'inflates to more than the'],
    ['a deflated record that is shorter', zip([{ ...pkl, method: 8, size: content.length + 1 }, storage]), `inflates to ${content.length} of the`],
    ['a zip64 size of 2⁵³', zip([{ ...pkl, zip64: true, size: Number.MAX_SAFE_INTEGER }, storage]), 'a size of 9007199254740991 in a file of'],
    ['big-endian', zip([pkl, storage, word('byteorder', 'big')]), "its byteorder is 'big'"],
    ['a newer format', zip([pkl, storage, word('version', '11')]), "its version is '11'"],
    ['a version of no number', zip([pkl, storage, word('version', '3x')]), "its version is '3x'"],
    ['a long byteorder', zip([pkl, storage, word('byteorder', 'l'.repeat(101))]), 'where a word is expected'],
    ['no pickle', zip([storage]), 'a zip archive without data.pkl'],
    ['no records', zip([]), 'a zip archive without data.pkl'],
  ];
  test.each(rows)('%s', async (_, bytes, message) => {
    await refusesFile(() => readPth(bytes), message);
  });

  test.each([
    ['stored', whole],
    ['without a folder', zip([{ ...pkl, name: 'data.pkl' }, { ...storage, name: 'data/0' }])],
    ['without checksums, as set_crc32_options(False) leaves it', zip([{ ...pkl, crc: 0 }, { ...storage, crc: 0 }])],
    ['deflated', zip([{ ...pkl, method: 8 }, { ...storage, method: 8 }])],
    ['with zip64 sizes', zip([{ ...pkl, zip64: true }, { ...storage, zip64: true }])],
    ['little-endian, version 10', zip([pkl, storage, word('byteorder', 'little'), word('version', '10\n')])],
  ])('%s is read', async (_, bytes) => {
    expect((await readPth(bytes)).get('w')?.toArray()).toEqual([0, 0]);
  });
});
