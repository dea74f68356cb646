// PyTorch's results that `npm start` compares with, as data/generate.py stored them. May import 'evenkeel' and
// 'evenkeel/io'.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeelError, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { Fields, parseJson } from '../oracle/fields.js';

/** One tensor of a row: every `step`-th element in float64, the error of PyTorch's float32, and how far off one may be. */
export interface Expected {
  readonly shape: readonly number[];
  readonly step: number;
  readonly values: Tensor['data'];
  readonly torchError: number;
  readonly limit: number;
}

export interface StoredRow {
  readonly input: string;
  readonly layer: string;
  readonly outputs: ReadonlyMap<string, Expected>;
}

/** A table as it was published, with 4 decimals: a layer on one of two draws after `manual_seed(123)`. */
export interface StoredTable {
  readonly draw: string;
  readonly normalizedShape: readonly number[];
  readonly printed: readonly number[];
}

/** Whether LayerNorm over the last axis gives what InstanceNorm2d(3) gives on this shape. */
export interface StoredPair {
  readonly shape: readonly number[];
  readonly layerNorm: number;
  readonly same: boolean;
}

export interface Stored {
  readonly torch: string;
  readonly rows: readonly StoredRow[];
  readonly tables: readonly StoredTable[];
  readonly pairs: readonly StoredPair[];
}

/**
 * Reads start.json and start.safetensors of a folder.
 *
 * @throws KeelError [file] where they cannot be read, or lack something.
 */
export async function loadStored(folder: string): Promise<Stored> {
  try {
    return await read(folder);
  } catch (error) {
    if (error instanceof KeelError) throw error;
    throw new KeelError('file', `no stored results in '${folder}': ${String(error)}`, { folder });
  }
}

async function read(folder: string): Promise<Stored> {
  const path = join(folder, 'start.json');
  const json = new Fields(parseJson(await readFile(path, 'utf8')), path);
  const tensors = await load(join(folder, 'start.safetensors'));
  const each = (name: string) => json.list(name).map((item, i) => new Fields(item, `${path}.${name}[${i}]`));
  return {
    torch: json.text('torch'),
    rows: each('rows').map((row) => rowOf(row, tensors)),
    tables: each('tables').map((table) => ({
      draw: table.text('draw'),
      normalizedShape: table.numbers('normalized_shape'),
      printed: table.numbers('printed'),
    })),
    pairs: each('pairs').map((pair) => ({
      shape: pair.numbers('shape'),
      layerNorm: pair.number('layer_norm'),
      same: pair.flag('same'),
    })),
  };
}

function rowOf(row: Fields, tensors: ReadonlyMap<string, Tensor>): StoredRow {
  const [input, layer] = [row.text('input'), row.text('layer')];
  const outputs = row.fields('outputs');
  const expected = outputs.names.map((name): [string, Expected] => {
    const output = outputs.fields(name);
    const values = tensors.get(`${input}/${layer}/${name}`);
    if (values === undefined) throw new Error(`start.safetensors holds no ${input}/${layer}/${name}`);
    return [name, {
      shape: output.numbers('shape'),
      step: output.number('step'),
      values: values.data.slice(),
      torchError: output.number('torch_error'),
      limit: output.number('limit'),
    }];
  });
  return { input, layer, outputs: new Map(expected) };
}
