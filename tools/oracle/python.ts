// A parser of the Python that the corpus holds: calls of constructors, nested, with literals. Imports nothing.

/** A Python value: None, True, 3, 1e-5, 'text', (2, 3), [2, 3], torch.relu, nn.Linear(3, bias=False). */
export type Python = null | boolean | number | string | readonly Python[] | PythonName | PythonCall;

/** A dotted name that stands for itself. */
export interface PythonName {
  readonly name: string;
}

export interface PythonCall {
  readonly callee: string;
  readonly args: readonly Python[];
  readonly keywords: ReadonlyMap<string, Python>;
}

export function isCall(value: Python): value is PythonCall {
  return typeof value === 'object' && value !== null && 'callee' in value;
}

export function isName(value: Python): value is PythonName {
  return typeof value === 'object' && value !== null && 'name' in value;
}

/** Reads one expression; refuses what is no literal, name or call. */
export function parsePython(text: string): Python {
  const tokens = new Tokens(text);
  const value = expression(tokens);
  tokens.end();
  return value;
}

const name = /[A-Za-z_][\w.]*/;
const number = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;
const string = /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"/;
const mark = /[()[\],=]/;
const token = new RegExp(`\\s*(?:${[name, number, string, mark].map(({ source }) => `(${source})`).join('|')})`, 'y');

interface Token {
  readonly name?: string;
  readonly number?: string;
  readonly string?: string;
  readonly mark?: string;
}

class Tokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  peek(): Token {
    token.lastIndex = this.#at;
    const [, name, number, string, mark] = token.exec(this.#text) ?? [];
    if (name !== undefined) return { name };
    if (number !== undefined) return { number };
    if (string !== undefined) return { string };
    return mark === undefined ? {} : { mark };
  }

  next(): Token {
    const found = this.peek();
    if (Object.keys(found).length === 0) this.refuse();
    this.#at = token.lastIndex;
    return found;
  }

  /** Takes a mark if it comes next. */
  take(mark: string): boolean {
    if (this.peek().mark !== mark) return false;
    this.next();
    return true;
  }

  expect(mark: string): void {
    if (!this.take(mark)) this.refuse();
  }

  end(): void {
    if (this.#text.slice(this.#at).trim() !== '') this.refuse();
  }

  refuse(): never {
    throw new Error(`cannot read the Python '${this.#text}' from '${this.#text.slice(this.#at)}' on`);
  }
}

function expression(tokens: Tokens): Python {
  const { name, number, string, mark } = tokens.next();
  if (number !== undefined) return Number(number);
  if (string !== undefined) return string.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  if (mark === '[') return items(tokens, ']').values;
  if (mark === '(') {
    const { values, commas } = items(tokens, ')');
    // Parentheses around one value without a comma only group it.
    return values.length === 1 && commas === 0 ? (values[0] ?? null) : values;
  }
  if (name === undefined) return tokens.refuse();
  if (tokens.take('(')) return call(name, tokens);
  return constants.has(name) ? (constants.get(name) ?? null) : { name };
}

const constants = new Map<string, Python>([
  ['None', null],
  ['True', true],
  ['False', false],
  ['math.inf', Infinity],
  ['torch.inf', Infinity],
  ['inf', Infinity],
]);

function items(tokens: Tokens, close: string): { readonly values: Python[]; readonly commas: number } {
  const values: Python[] = [];
  let commas = 0;
  while (!tokens.take(close)) {
    values.push(expression(tokens));
    if (tokens.take(',')) commas++;
    else if (tokens.peek().mark !== close) tokens.refuse();
  }
  return { values, commas };
}

function call(callee: string, tokens: Tokens): Python {
  const args: Python[] = [];
  const keywords = new Map<string, Python>();
  while (!tokens.take(')')) {
    const value = expression(tokens);
    if (isName(value) && tokens.take('=')) keywords.set(value.name, expression(tokens));
    else args.push(value);
    if (!tokens.take(',') && tokens.peek().mark !== ')') tokens.refuse();
  }
  if (callee === 'float') return Number(String(args[0]).replace(/inf$/i, 'Infinity'));
  return { callee, args, keywords };
}
