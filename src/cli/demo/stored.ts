// PyTorch's results that the demo compares with, as data/generate.py stored them. May import evenkeel.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KeelError, type Tensor } from 'evenkeel';
import { load } from 'evenkeel/io';

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
  const path = join(folder, 'start.json');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw lacking(`no stored results in '${folder}': ${String(error)}`, 'missing');
  });
  const tensors = await load(join(folder, 'start.safetensors'));
  const json = parseJson(text, path);
  const listed = (name: string) => (Array.isArray(json[name]) ? json[name] : []).map(recordOf);
  const stored = {
    torch: String(json['torch']),
    rows: listed('rows').map((row) => rowOf(row, tensors)),
    tables: listed('tables').map((table) => ({
      draw: String(table['draw']),
      normalizedShape: numbersOf(table['normalized_shape']),
      printed: numbersOf(table['printed']),
    })),
    pairs: listed('pairs').map((pair) => ({
      shape: numbersOf(pair['shape']),
      layerNorm: Number(pair['layer_norm']),
      same: pair['same'] === true,
    })),
  };
  if (stored.rows.length > 0) return stored;
  throw lacking(`'${path}' has no rows of results`, 'corrupt');
}

type Json = Readonly<Record<string, unknown>>;

function parseJson(text: string, path: string): Json {
  try {
    return recordOf(JSON.parse(text));
  } catch (error) {
    throw lacking(`'${path}' is not JSON: ${String(error)}`, 'corrupt');
  }
}

function rowOf(row: Json, tensors: ReadonlyMap<string, Tensor>): StoredRow {
  const [input, layer] = [String(row['input']), String(row['layer'])];
  const expected = Object.entries(recordOf(row['outputs'])).map(([name, value]): [string, Expected] => {
    const output = recordOf(value);
    const values = tensors.get(`${input}/${layer}/${name}`);
    if (values === undefined) throw lacking(`start.safetensors holds no '${input}/${layer}/${name}'`, 'corrupt');
    return [name, {
      shape: numbersOf(output['shape']),
      step: Number(output['step']),
      values: values.data.slice(),
      torchError: Number(output['torch_error']),
      limit: Number(output['limit']),
    }];
  });
  return { input, layer, outputs: new Map(expected) };
}

/** The fields of an object; none of what is no object. */
function recordOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function numbersOf(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}

function lacking(message: string, problem: 'missing' | 'corrupt'): KeelError {
  return new KeelError('file', message, { problem });
}
