// Targets whose inputs are one file of arrays: .npy, .npz, safetensors. May import evenkeel.

import { type Elements, writeNpz, writeSafetensors } from 'evenkeel/io';
import { joined, mutateBytes, mutateText } from './bytes.js';
import { corpusOf } from './corpus.js';
import { type Dice, edges } from './dice.js';
import { type Naive, naiveNpy, naiveSafetensors } from './naive.js';
import { checkReading } from './reading.js';
import type { Target } from './target.js';
import { mutateZip } from './zipped.js';

/** A reader holds the file, elements widened eightfold, and some tables. */
export const plainMost = (bytes: number): number => 2 ** 21 + 16 * bytes;

/** What deflate makes of a byte at most is widened eightfold, too. */
export const deflatedMost = (bytes: number): number => 2 ** 21 + 8 * 1032 * bytes;

const npys = corpusOf('.npy');
const npzs = corpusOf('.npz');
const safetensors = corpusOf('.safetensors');

export const npy: Target = {
  name: 'npy',
  make: (dice) => (dice.chance(0.6) ? npyFile(dice) : mutateBytes(dice.pick(npys), dice, npys)),
  check: (input) => checkReading(input, () => naiveNpy(input)),
  most: plainMost,
};

export const npz: Target = {
  name: 'npz',
  make: (dice) => {
    const file = dice.chance(0.3) ? writeNpz(tensorsOf(dice)) : dice.pick(npzs);
    return dice.chance(0.4) ? mutateBytes(file, dice, npzs) : mutateZip(file, dice, mutateArray);
  },
  check: (input) => checkReading(input),
  most: deflatedMost,
};

export const safetensorsTarget: Target = {
  name: 'safetensors',
  make: (dice) => {
    const file = dice.chance(0.3) ? writeSafetensors(tensorsOf(dice)) : dice.pick(safetensors);
    return dice.chance(0.4) ? mutateBytes(file, dice, safetensors) : mutateHeader(file, dice);
  },
  check: (input) => {
    let tensors: ReadonlyMap<string, Naive> | null = null;
    return checkReading(input, (name) => (tensors ??= naiveSafetensors(input)).get(name) ?? null);
  },
  most: plainMost,
};

/** A safetensors file whose header is changed as text or as a value, and its length with it. */
export function mutateHeader(file: Uint8Array, dice: Dice): Uint8Array {
  const start = 8 + Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder().decode(file.subarray(8, start));
  const header = new TextEncoder().encode(dice.chance(0.4) ? mutateText(text, dice, headerWords) : mutatedJson(text, dice));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, dice.chance(0.05) ? BigInt.asUintN(64, dice.pick(edges)) : BigInt(header.length), true);
  return joined(length, header, dice.chance(0.1) ? mutateBytes(file.subarray(start), dice) : file.subarray(start));
}

const headerWords = [
  '"F32"', '"I64"', '"BOOL"', '"F8_E4M3"', '"__metadata__"', '"__proto__"', '"dtype"', '"shape"', '"data_offsets"', '[', ']', '{', '}', ',', ':',
  'null', 'true', '1e3', '1.0', '-0', '1e999', '0x10', '"\\u0000"', '"\\ud800"', '\\',
];

/** The JSON with one value changed; as text where it is none. */
export function mutatedJson(text: string, dice: Dice): string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return mutateText(text, dice, headerWords);
  }
  const places: [holder: object, key: string][] = [];
  const holders: unknown[] = [value];
  for (let holder = holders.pop(); holder !== undefined; holder = holders.pop()) {
    if (typeof holder !== 'object' || holder === null) continue;
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      holders.push(Reflect.get(holder, key));
    }
  }
  if (places.length === 0) return mutateText(text, dice, headerWords);
  const [holder, key] = dice.pick(places);
  const [other, otherKey] = dice.pick(places);
  const edge = Number(dice.pick(edges));
  const values = [null, true, '', 'F32', 'BF16', 'I8', 'x'.repeat(1000), edge, edge, edge, 0.5, [], {}, [edge, edge], [[0]], Array.from({ length: 70 }, () => 1)];
  switch (dice.below(4)) {
    case 0:
      Reflect.deleteProperty(holder, key);
      break;
    case 1:
      Reflect.set(holder, key, structuredClone(Reflect.get(other, otherKey)));
      break;
    default:
      Reflect.set(holder, key, dice.pick(values));
  }
  return JSON.stringify(value);
}

/** A .npy file by its grammar: what headers may say, right or wrong, and more or less bytes than it asks for. */
function npyFile(dice: Dice): Uint8Array {
  const shape = Array.from({ length: dice.small(5) }, () => (dice.chance(0.9) ? String(dice.below(5)) : dice.pick(['65', '-1', '1L', '2 ** 3', String(dice.pick(edges))])));
  const type = dice.pick(['f4', 'f4', 'f8', 'f2', 'i8', 'i4', 'i2', 'i1', 'u4', 'u2', 'u1', 'b1', 'u8', 'f16', 'c8', 'O', 'S3', 'U2', 'V4', 'M8[s]', 'e', '']);
  const descr = dice.chance(0.95) ? `'${dice.pick(['<', '<', '>', '|', '=', ''])}${type}'` : "[('a', '<f4'), ('b', '<i8')]";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`;
  let text = `{'descr': ${descr}, 'fortran_order': ${dice.pick(['False', 'True'])}, 'shape': ${tuple}, }`;
  if (dice.chance(0.3)) text = mutateText(text, dice, npyWords);
  const version = dice.chance(0.95) ? dice.pick([1, 1, 2, 3]) : dice.below(256);
  const size = version === 1 ? 2 : 4;
  const padded = new TextEncoder().encode(`${text.padEnd(dice.chance(0.9) ? Math.ceil((text.length + 9 + size) / 64) * 64 - 9 - size : 0)}\n`);
  const length = new Uint8Array(size);
  const said = dice.chance(0.95) ? padded.length : Number(BigInt.asUintN(8 * size, dice.pick(edges)));
  for (let i = 0; i < size; i++) length[i] = Math.floor(said / 256 ** i) % 256;
  const count = shape.reduce((product, each) => product * (/^\d+$/.test(each) ? Number(each) : 1), 1);
  const width = Number(/\d+/.exec(type)?.[0] ?? 1);
  const bytes = count * width <= 2 ** 16 ? count * width : dice.below(64);
  const data = Uint8Array.from({ length: bytes }, () => (type === 'b1' ? dice.below(2) : dice.below(256)));
  const file = joined(Uint8Array.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, version, 0]), length, padded, data);
  return dice.chance(0.2) ? mutateBytes(file, dice, npys) : file;
}

const npyWords = ['True', 'None', "'", '"', '(', ')', '{', '}', ',', ':', "'descr'", "'shape'", '0x10', '1_000', '#', '\\', '1e3', "b'<f4'", '__import__'];

/** The header of an array, or any of its bytes. */
function mutateArray(content: Uint8Array, dice: Dice): Uint8Array {
  return dice.chance(0.5) ? npyFile(dice) : mutateBytes(content, dice, npys);
}

/** A few tensors of every dtype, also of no elements, under odd names. */
function tensorsOf(dice: Dice): Map<string, Elements> {
  const tensors = new Map<string, Elements>();
  for (let count = dice.below(5); count > 0; count--) {
    const shape = Array.from({ length: dice.below(4) }, () => dice.below(4));
    const size = shape.reduce((a, b) => a * b, 1);
    const name = dice.chance(0.8) ? `layer${count}.weight` : dice.pick(['a/b.c', '__proto__', 'x.npy', 'é', '\u{1f600}', ' ']);
    const values = Array.from({ length: size }, () => dice.next() - 0.5);
    const kinds: Elements[] = [
      { shape, dtype: 'float32', data: Float32Array.from(values) },
      { shape, dtype: 'float64', data: Float64Array.from(values) },
      { shape, dtype: 'int64', data: BigInt64Array.from(values, (value) => BigInt(Math.round(1e9 * value))) },
      { shape, dtype: 'bool', data: Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)) },
    ];
    tensors.set(name, dice.pick(kinds));
  }
  return tensors;
}
