// Cases of torch-meta: repr, parameters and state dict of fresh modules. May import 'evenkeel'.

import type { Tensor } from 'evenkeel';
import { Fields, type Json } from './fields.js';
import { buildModule } from './modules.js';

/** What a module says of itself, in the corpus's form. */
export interface Description {
  readonly repr: string;
  readonly training: boolean;
  readonly parameters: readonly { name: string; shape: readonly number[]; requires_grad: boolean }[];
  readonly state_dict: readonly { name: string; shape: readonly number[]; dtype: string; init: number | string }[];
}

/** Makes the module of a constructor call and describes it. */
export async function describe(text: string): Promise<Description> {
  const module = buildModule(text);
  // A value that another module of the same text does not share is a random one, also where there is only one element.
  const another = buildModule(text).stateDict();
  const state_dict = [];
  for (const [name, value] of module.stateDict()) {
    const init = initOf(await value.read());
    const again = another.get(name);
    const shared = again !== undefined && initOf(await again.read()) === init;
    state_dict.push({ name, shape: value.shape, dtype: value.dtype, init: shared ? init : 'random' });
  }
  const parameters = [...module.namedParameters()].map(([name, { shape, requiresGrad }]) => ({
    name,
    shape,
    requires_grad: requiresGrad,
  }));
  return { repr: String(module), training: module.training, parameters, state_dict };
}

/** What keeps a case from passing; null: nothing does. */
export function judgeMeta(json: Fields, actual: Description): string | null {
  if (!sameRepr(json.text('repr'), actual.repr)) return `repr is ${actual.repr}, expected ${json.text('repr')}`;
  if (json.flag('training', true) !== actual.training) return `training is ${actual.training}`;
  return (
    differs('parameters', json.list('parameters').map(parameterText), actual.parameters.map(parameterText)) ??
    differs('state_dict', json.list('state_dict').map(entryText), actual.state_dict.map(entryText)) ??
    differentInit(json.list('state_dict'), actual)
  );
}

/**
 * Equal line by line, where a line of PyTorch before 2.13 lacks the `bias=` that newer ones print, and PyTorch before 2.0
 * prints each module of a list.
 */
export function sameRepr(expected: string, actual: string): boolean {
  const lines = expected.split('\n');
  return [actual.split('\n'), spread(actual.split('\n'))].some((ours) => {
    const same = (line: string, i: number) => [ours[i], ours[i]?.replace(/, bias=(True|False)/, '')].includes(line);
    return lines.length === ours.length && lines.every(same);
  });
}

/** `(0-1): 2 x Linear(...)` as the two modules that it stands for. */
function spread([line, ...rest]: readonly string[]): string[] {
  if (line === undefined) return [];
  const [, indent = '', first, last, text = ''] = /^( *)\((\d+)-(\d+)\): \d+ x (.*)$/.exec(line) ?? [];
  if (first === undefined || last === undefined) return [line, ...spread(rest)];
  const inside = text.endsWith('(') ? rest.indexOf(`${indent})`) + 1 : 0;
  const body = spread(rest.slice(0, inside));
  const each = Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
  return [...each.flatMap((i) => [`${indent}(${i}): ${text}`, ...body]), ...spread(rest.slice(inside))];
}

/** The value that all elements have, or "random". */
function initOf(values: Tensor['data']): number | string {
  const [first] = values;
  if (first === undefined) return 'random';
  return Array.from<number | bigint>(values).every((value) => value === first) ? Number(first) : 'random';
}

function differentInit(entries: readonly Json[], { state_dict }: Description): string | null {
  for (const [i, row] of entries.entries()) {
    const entry = new Fields(row, `state_dict[${i}]`);
    const init = state_dict[i]?.init;
    const size = entry.numbers('shape').reduce((product, extent) => product * extent, 1);
    const expected = entry.get('init');
    // A single random element has a value of its own, and no elements have none.
    if (size === 0 || (size === 1 && init === 'random')) continue;
    // A float64 that prints as a float32's digits, such as 1e-06, is that float32.
    if (expected === init || (init !== 'random' && Math.fround(Number(expected)) === init)) continue;
    return `state_dict ${entry.text('name')}: init is ${init}, expected ${String(expected)}`;
  }
  return null;
}

function parameterText(row: Json): string {
  const fields = new Fields(row, 'parameters');
  const frozen = fields.flag('requires_grad') ? '' : ' without gradient';
  return `${fields.text('name')} [${fields.numbers('shape').join(', ')}]${frozen}`;
}

function entryText(row: Json): string {
  const fields = new Fields(row, 'state_dict');
  return `${fields.text('name')} [${fields.numbers('shape').join(', ')}] ${fields.text('dtype')}`;
}

function differs(what: string, expected: readonly string[], actual: readonly string[]): string | null {
  if (String(expected) === String(actual)) return null;
  return `${what}: ${actual.join('; ') || 'none'}, expected ${expected.join('; ') || 'none'}`;
}
