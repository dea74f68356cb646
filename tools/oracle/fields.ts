// JSON of the corpus, read field by field, so that a malformed case is an error that names the field.
// Imports nothing.

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** JSON as Python writes it: also the bare words NaN, Infinity and -Infinity, which are read as text. */
export function parseJson(text: string): Json {
  // One string or one bare word at a time, so that a NaN inside a string stays.
  const plain = text.replaceAll(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, quoted);
  // JSON.parse gives exactly the values of the type Json.
  return JSON.parse(plain) as Json;
}

/** Whether a value is a list; unlike Array.isArray it keeps the type of the elements. */
export function isList<T>(value: T): value is Extract<T, readonly unknown[]> {
  return Array.isArray(value);
}

/** The fields of a JSON object, each read as the kind it has to be. A field that is absent gives the fallback. */
export class Fields {
  readonly #values: { readonly [key: string]: Json };
  readonly #where: string;

  constructor(json: Json | undefined, where: string) {
    if (typeof json !== 'object' || json === null || isList(json)) throw new Error(`${where} is no JSON object`);
    this.#values = json;
    this.#where = where;
  }

  get names(): string[] {
    return Object.keys(this.#values);
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  get(name: string): Json | undefined {
    return this.has(name) ? this.#values[name] : undefined;
  }

  text(name: string, fallback?: string): string {
    const value = this.get(name) ?? fallback;
    return typeof value === 'string' ? value : this.#refuse(name, 'a text');
  }

  flag(name: string, fallback?: boolean): boolean {
    const value = this.get(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.#refuse(name, 'true or false');
  }

  number(name: string, fallback?: number): number {
    const value = numeric(this.get(name) ?? fallback);
    return value ?? this.#refuse(name, 'a number');
  }

  numberOrNull(name: string, fallback?: number | null): number | null {
    const value = this.has(name) ? this.get(name) : fallback;
    return value === null ? null : (numeric(value) ?? this.#refuse(name, 'a number or null'));
  }

  numbers(name: string, fallback?: readonly number[]): readonly number[] {
    const value = this.get(name) ?? fallback;
    const numbers = isList(value) ? value.map(numeric) : [];
    return isList(value) && numbers.every((item) => item !== null) ? numbers : this.#refuse(name, 'a list of numbers');
  }

  texts(name: string, fallback?: readonly string[]): readonly string[] {
    const value = this.get(name) ?? fallback;
    if (isList(value) && value.every((item) => typeof item === 'string')) return value;
    return this.#refuse(name, 'a list of texts');
  }

  list(name: string, fallback?: readonly Json[]): readonly Json[] {
    const value = this.get(name) ?? fallback;
    return isList(value) ? value : this.#refuse(name, 'a list');
  }

  fields(name: string, fallback?: { readonly [key: string]: Json }): Fields {
    return new Fields(this.get(name) ?? fallback, `${this.#where}.${name}`);
  }

  #refuse(name: string, expected: string): never {
    throw new Error(`${this.#where}.${name} should be ${expected}, got ${JSON.stringify(this.get(name))}`);
  }
}

function quoted(word: string): string {
  return word.startsWith('"') ? word : `"${word}"`;
}

/** A number, also one written as text because JSON has no word for it. */
function numeric(value: Json | undefined): number | null {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^([+-]?(Infinity|inf)|NaN)$/.test(value)) return null;
  return Number(value.replace(/inf$/, 'Infinity'));
}
