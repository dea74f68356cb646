// Suites of cases in a folder: SUITE.json with SUITE.safetensors beside it. May import 'evenkeel/io'.

import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { load, type Elements } from 'evenkeel/io';
import { Fields, parseJson, type Json } from './fields.js';

/** A case as stored: its JSON, and its tensors under their names without the case's id. */
export interface Case {
  readonly id: string;
  readonly json: Fields;
  readonly tensors: ReadonlyMap<string, Elements>;
}

export interface Suite {
  /** The name of its file, without the extension. */
  readonly name: string;
  readonly cases: readonly Case[];
}

/** The suites of a folder in the order of their names; `only` picks some of them by name. */
export async function loadSuites(folder: string, only: readonly string[] | null = null): Promise<Suite[]> {
  const files = await readdir(folder);
  const found = files.flatMap((file) => (file.endsWith('.json') ? [basename(file, '.json')] : [])).sort();
  const unknown = only?.filter((name) => !found.includes(name)) ?? [];
  if (unknown.length > 0) {
    throw new Error(`no suite ${unknown.join(', ')} in ${folder}: choose from ${found.join(', ')}`);
  }
  const suites: Suite[] = [];
  for (const name of only ?? found) {
    try {
      const suite = await loadSuite(folder, name, files.includes(`${name}.safetensors`));
      if (suite !== null) suites.push(suite);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`cannot read the suite ${name}: ${reason}`, { cause: error });
    }
  }
  if (suites.length === 0) throw new Error(`${folder} holds no suites: no JSON file in it has a list of cases`);
  return suites;
}

/** A suite, or null for a JSON file that is none. */
async function loadSuite(folder: string, name: string, hasTensors: boolean): Promise<Suite | null> {
  const json = parseJson(await readFile(join(folder, `${name}.json`), 'utf8'));
  if (typeof json !== 'object' || json === null || !('cases' in json)) return null;
  const rows = new Fields(json, name).list('cases');
  const tensors: ByCase = hasTensors ? await elements(join(folder, `${name}.safetensors`)) : new Map();
  return { name, cases: rows.map((row, i) => caseOf(row, `${name}.cases[${i}]`, tensors)) };
}

type ByCase = ReadonlyMap<string, ReadonlyMap<string, Elements>>;

/** The tensors of a file by case, copied out of the backend they were read into: each run chooses its own. */
async function elements(path: string): Promise<ByCase> {
  const byCase = new Map<string, Map<string, Elements>>();
  for (const [key, tensor] of await load(path)) {
    const slash = key.indexOf('/');
    const id = key.slice(0, slash);
    const tensors = byCase.get(id) ?? new Map<string, Elements>();
    tensors.set(key.slice(slash + 1), { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
    byCase.set(id, tensors);
    tensor.dispose();
  }
  return byCase;
}

function caseOf(row: Json, where: string, tensors: ByCase): Case {
  const json = new Fields(row, where);
  const id = json.text('id', where);
  return { id, json: new Fields(row, id), tensors: tensors.get(id) ?? new Map() };
}
