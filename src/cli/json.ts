// The JSON documents of `--json`. May import evenkeel.

import { KeelError } from 'evenkeel';

/** Of every document: it changes when a field goes or changes its meaning; new fields do not change it. */
export const VERSION = 1;

/** A document on one line: NaN and the infinities become their names, which JSON's numbers do not have. */
export function documentOf(command: string | null, fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(plain({ version: VERSION, command, ...fields }, MOST_LEVELS));
}

/** What a document says of an error. */
export function errorFields(error: unknown, exit: number): Readonly<Record<string, unknown>> {
  if (error instanceof KeelError) return { error: { code: error.code, message: error.message, data: error.data, exit } };
  return { error: { code: 'defect', message: String(error), data: {}, exit } };
}

const MOST_LEVELS = 32;

function plain(value: unknown, levels: number): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || value === undefined) return value;
  if (typeof value !== 'object' || levels === 0) return String(value);
  if (ArrayBuffer.isView(value)) return Array.from(Object.values(value), (item) => plain(item, levels - 1));
  if (Array.isArray(value)) return value.map((item) => plain(item, levels - 1));
  const entries = value instanceof Map ? [...value].map(([key, item]) => [String(key), item] as const) : Object.entries(value);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item, levels - 1)]));
}
