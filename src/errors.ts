// The one error class, and the caret that points into a pattern. Imports nothing.

/** Stable codes of every {@link KeelError}. Messages may improve; codes do not change. */
export type ErrorCode =
  | 'syntax' // a pattern that cannot be parsed
  | 'name' // an axis, factor or option name that is unknown, repeated or reserved
  | 'indivisible' // a size that its factors do not divide
  | 'uninferable' // a factor whose size nothing determines
  | 'rank' // a tensor with the wrong number of axes
  | 'shape' // sizes that do not fit each other
  | 'dimension' // a dimension number out of range or repeated
  | 'size' // a size or count that is not a whole number in range
  | 'dtype' // a dtype that the operation does not take
  | 'backend' // tensors of different backends, or an unknown backend
  | 'argument' // an option outside its range
  | 'too_few_values' // batch statistics of a single value
  | 'no_statistics' // running statistics that are needed and absent
  | 'disposed' // a tensor used after dispose
  | 'modified' // a tensor changed after the tape saved it
  | 'graph' // backward through a freed, missing or wrongly shaped graph
  | 'state_dict' // keys or shapes of a state dict that do not fit the module
  | 'memory' // an allocation that failed
  | 'wasm' // a WASM binary that is missing, corrupt, of another version, or cannot run here
  | 'worker' // a thread that died or could not start
  | 'file'; // a file: data.problem says 'corrupt', 'unsupported', 'missing' or 'access'

/** Machine-readable facts of an error: the numbers that its message names. */
export type ErrorData = Readonly<Record<string, unknown>>;

/**
 * Every error that evenkeel raises on purpose. `code` is stable, `data` holds the numbers that the message names;
 * where PyTorch raises, the message holds the facts of PyTorch's in the same words.
 *
 * @example
 * try { norm(zeros([2, 6]), 'b (g [c])', { g: 4 }); }
 * catch (error) { if (error instanceof KeelError) error.code; } // 'indivisible'
 */
export class KeelError extends Error {
  readonly code: ErrorCode;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, data: ErrorData = {}) {
    super(message);
    this.name = `KeelError [${code}]`;
    this.code = code;
    this.data = data;
    // V8 wrote the stack's first line before the name was set.
    if ('captureStackTrace' in Error) Error.captureStackTrace(this, KeelError);
  }
}

/** The same error, with where it happened at the end of its message; what is no KeelError as it is. */
export function locatedIn(place: string, error: unknown): unknown {
  if (!(error instanceof KeelError)) return error;
  const { code, message, data, stack } = error;
  const located = new KeelError(code, `${message}${message.includes('\n') ? '\n  ' : ', '}in ${place}`, data);
  // Where it was thrown.
  if (stack !== undefined) located.stack = stack.replace(message, () => located.message);
  return located;
}

/** A stretch of a text: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** The text indented by two, and under it a caret at the span. */
export function underline(text: string, span: Span): string {
  const width = Math.max(1, Math.min(span.end, text.length) - span.start);
  return `  ${text}\n  ${' '.repeat(span.start)}${'^'.repeat(width)}`;
}

/** A shape as messages print it: `2 × 6 × 4`, and `scalar` for rank 0. */
export function showShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join(' × ');
}

/** A value that is not what was asked for, as messages print it: `a list`, `the number 3`, `a Linear`, `the class Linear`. */
export function showGiven(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return `the string '${value}'`;
  if (typeof value === 'function') return showFunction(value);
  if (typeof value !== 'object') return `the ${typeof value} ${String(value)}`;
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  const name = kind === 'Object' ? nameOf(value.constructor) : kind;
  return name === '' || name === 'Object' ? 'an object' : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** The same, but numbers and the like as they stand: `3`, `false`. */
export function showValue(value: unknown): string {
  return typeof value === 'object' || typeof value === 'function' ? showGiven(value) : String(value);
}

/** Whether a value is a class, which only `new` calls. */
export function isClass(value: unknown): value is NewableFunction {
  return typeof value === 'function' && Function.prototype.toString.call(value).startsWith('class');
}

/** By its name, and not as its source. */
function showFunction(value: NewableFunction | CallableFunction): string {
  const name = nameOf(value);
  if (isClass(value)) return name === '' ? 'a class' : `the class ${name}`;
  return name === '' ? 'a function' : `the function ${name}`;
}

/** The name of a class or function; minifiers leave a static `type`. */
export function nameOf(value: unknown): string {
  if (typeof value !== 'function') return '';
  const type: unknown = Object.hasOwn(value, 'type') ? Reflect.get(value, 'type') : null;
  return typeof type === 'string' ? type : value.name;
}
