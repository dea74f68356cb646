// Targets whose inputs are a folder: shards with their index, ONNX with tensors in other files. May import node: and evenkeel.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { load, writeSafetensors } from 'evenkeel/io';
import { mutatedJson, plainMost } from './arrays.js';
import { joined, mutateBytes, mutateText } from './bytes.js';
import type { Dice } from './dice.js';
import { mutateMessage } from './protobuf.js';
import { checkReading, release } from './reading.js';
import { claim, packed, type Target, unlessRefused, unpacked } from './target.js';

/** A folder as an input: the file to open, and all files in base64. */
interface Folder {
  readonly open: string;
  readonly files: Readonly<Record<string, string>>;
}

const text = (given: string): Uint8Array => new TextEncoder().encode(given);

/** An array that lies beside the folder, which nothing in the folder may reach. */
const SECRET = 0x5ec4e7;
const secret = writeSafetensors(new Map([['a', { shape: [2], dtype: 'float32', data: new Float32Array(2).fill(SECRET) }]]));

export const shards: Target = {
  name: 'shards',
  make: (dice) => {
    const index = JSON.stringify({
      metadata: { total_size: 32 },
      weight_map: { a: 'one.safetensors', b: 'one.safetensors', c: 'two.safetensors' },
    });
    const mutated = dice.chance(0.5) ? mutatedIndex(index, dice) : mutateText(index, dice, indexWords);
    const one = writeSafetensors(new Map([['a', reals(2)], ['b', reals(3)]]));
    const two = writeSafetensors(new Map([['c', reals(3)]]));
    return folder('model.safetensors.index.json', {
      'model.safetensors.index.json': text(dice.chance(0.8) ? mutated : index),
      'one.safetensors': dice.chance(0.2) ? mutateBytes(one, dice) : one,
      'two.safetensors': two,
    });
  },
  check: inFolder,
  most: plainMost,
};

export const external: Target = {
  name: 'external',
  make: (dice) => {
    const pairs = [['location', 'weights.bin'], ['offset', String(4 * dice.below(9))], ['length', String(4 * dice.below(9))], ['checksum', 'x']];
    const entries = pairs.map(([key = '', value = '']) => {
      const given = dice.chance(0.2) ? mutateText(value, dice, indexWords) : value;
      return field(13, joined(field(1, text(key)), field(2, text(given))));
    });
    const tensor = joined(varint(1, dice.below(9)), varint(2, 1), field(8, text('a')), ...entries.filter(() => dice.chance(0.9)), varint(14, 1));
    const model = joined(varint(1, 8), field(7, joined(field(5, tensor), field(2, text('g')))), field(8, varint(2, 17)));
    return folder('model.onnx', {
      'model.onnx': dice.chance(0.5) ? mutateMessage(model, dice) : model,
      'weights.bin': Uint8Array.from({ length: 4 * dice.below(20) }, (_, i) => i),
    });
  },
  check: inFolder,
  most: plainMost,
};

const indexWords = [
  '../secret.safetensors', '..', '/', '\\', 'link.safetensors', 'outside', 'outside/secret.safetensors', 'one.safetensors', './', '\u0000',
  '%2e%2e/', 'file:', '"weight_map"', '"metadata"', '"__proto__"', '{', '}', '-1', '1e3', ' 4',
];

function mutatedIndex(index: string, dice: Dice): string {
  return dice.chance(0.5) ? mutatedJson(index, dice) : index.replace(dice.pick(['one', 'two']), dice.pick(['../secret', 'link', 'outside/secret', './one', 'missing', '']));
}

/** Writes the folder, with links that lead out of it, and reads what it is. */
async function inFolder(input: Uint8Array): Promise<void> {
  const { open, files } = unpacked<Folder>(input);
  const outside = mkdtempSync(join(tmpdir(), 'evenkeel-fuzz-'));
  try {
    writeFileSync(join(outside, 'secret.safetensors'), secret);
    const inside = join(outside, 'model');
    mkdirSync(inside);
    symlinkSync('../secret.safetensors', join(inside, 'link.safetensors'));
    symlinkSync('..', join(inside, 'outside'));
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(inside, name)), { recursive: true });
      writeFileSync(join(inside, name), Buffer.from(content, 'base64'));
    }
    await checkReading(join(inside, open));
    const loaded = await unlessRefused(() => load(join(inside, open)));
    const values = [...(loaded?.values() ?? [])].flatMap(({ data }) => [...data]);
    release(loaded);
    claim(!values.includes(SECRET), () => 'a file outside the folder was read');
  } finally {
    rmSync(outside, { recursive: true });
  }
}

function folder(open: string, files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const content = Object.entries(files).map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]);
  return packed({ open, files: Object.fromEntries(content) } satisfies Folder);
}

function reals(size: number) {
  return { shape: [size], dtype: 'float32', data: Float32Array.from({ length: size }, (_, i) => i) } as const;
}

/** A field of a protocol buffer that holds bytes, fewer than 16,384. */
function field(number: number, bytes: Uint8Array): Uint8Array {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 127) | 128, bytes.length >> 7];
  return joined(Uint8Array.from([number * 8 + 2, ...length]), bytes);
}

function varint(number: number, value: number): Uint8Array {
  return Uint8Array.from([number * 8, value]);
}
