// The JSON of a safetensors header, which anyone may have written: no key twice, little nesting. May import errors.

import { KeelError } from '../errors.js';
import { fileError } from './elements.js';

/** As the reference reader has it. */
export const MOST_HEADER_BYTES = 100_000_000;

/** A header's numbers lie three deep. Each level of more would take memory that its one byte does not. */
const MOST_DEPTH = 16;

/**
 * The object that a header is, and its keys as the text has them: JSON.parse reorders names like integers.
 *
 * @throws KeelError [file] for what is no object in UTF-8, a key that stands twice, and nesting that no header has.
 */
export function parseHeader(bytes: Uint8Array): { keys: string[]; json: Readonly<Record<string, unknown>> } {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const keys = outerKeys(text, MOST_DEPTH);
    const json: unknown = JSON.parse(text);
    if (isRecord(json)) return { keys, json };
  } catch (error) {
    if (error instanceof KeelError) throw error;
    throw fileError(`header is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      header: bytes.length,
    });
  }
  throw fileError('header is not a JSON object of tensors', { header: bytes.length });
}

/**
 * The value of a text that a header holds.
 *
 * @throws KeelError [file] for what is no JSON, nests deeper than `depth`, or has a key twice.
 */
export function parseText(text: string, depth: number): unknown {
  try {
    outerKeys(text, depth);
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof KeelError) throw error;
    throw fileError(`it is not JSON: ${error instanceof Error ? error.message : String(error)}`, { length: text.length });
  }
}

/** Goes through what may be no JSON yet. Not by a regular expression: a long string would fill its stack. */
function outerKeys(json: string, depth: number): string[] {
  const keys: string[] = [];
  const open: Set<string>[] = [];
  let string = '""';
  for (let at = 0; at < json.length; at++) {
    switch (json[at]) {
      case '{':
      case '[':
        if (open.length === depth) throw fileError(`the header nests deeper than ${depth}`, { limit: depth });
        open.push(new Set());
        break;
      case '}':
      case ']':
        open.pop();
        break;
      case '"': {
        const begin = at;
        for (at++; at < json.length && json[at] !== '"'; ) at += json[at] === '\\' ? 2 : 1;
        string = json.slice(begin, at + 1);
        break;
      }
      case ':': {
        const key = String(JSON.parse(string));
        const siblings = open.at(-1);
        if (siblings?.has(key) === true) throw fileError(`duplicate key '${key}' in the header`, { key });
        siblings?.add(key);
        if (open.length === 1) keys.push(key);
        break;
      }
      default:
    }
  }
  return keys;
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as the header has it, or the beginning of a long one. */
export function showJson(value: unknown): string {
  const text = value === undefined ? 'undefined' : JSON.stringify(value);
  return text.length <= 200 ? text : `${text.slice(0, 200)}...`;
}
