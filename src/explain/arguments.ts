// The arguments of a call by the names that a signature gives them, read one by one. May import errors and what explain is made of.

import type { ErrorCode, KeelError, Span } from '../errors.js';
import { didYouMean } from './nearest.js';
import { textError, type Argument, type Call } from './python.js';

/** The arguments of a call, bound as Python binds them. */
export class Arguments {
  private readonly given: ReadonlyMap<string, Argument>;

  /**
   * @param positional names in the order of the signature
   * @param named those that have no place
   * @throws KeelError [argument], [name] with a caret for too many arguments, unknown ones and ones that are given twice.
   */
  constructor(private readonly owner: string, readonly call: Call, positional: readonly string[], named: readonly string[]) {
    const given = new Map<string, Argument>();
    for (const [i, value] of call.positional.entries()) {
      const name = positional[i];
      if (name === undefined) {
        throw this.error('argument', `${owner} takes ${positional.length} arguments by their place`, value.at, this.choice(named));
      }
      given.set(name, value);
    }
    const known = [...positional, ...named];
    for (const { name, at, value } of call.keywords) {
      if (!known.includes(name)) {
        const message = `${owner} has no argument ${name}${didYouMean(name, known)}`;
        throw this.error('name', message, at, `its arguments are ${known.join(', ')}`);
      }
      if (given.has(name)) throw this.error('argument', `${owner} is given ${name} twice`, at, 'leave one out');
      given.set(name, value);
    }
    this.given = given;
    this.checkPlace();
  }

  /** A whole number that has to be given; what it may be is the layer's to say. */
  count(name: string): number {
    const value = this.needed(name);
    if (value.kind === 'number' && value.isWhole) return value.number;
    throw this.wrong(name, value, 'a whole number, such as 6');
  }

  /** A whole number or a list of such. */
  shape(name: string): number[] {
    const value = this.needed(name);
    const items = value.kind === 'list' ? value.items : [value];
    return items.map((item) => {
      if (item.kind === 'number' && item.isWhole) return item.number;
      throw this.wrong(name, item, 'a whole number or a list of such, as in [3, 4]');
    });
  }

  number(name: string, otherwise: number): number {
    const value = this.given.get(name);
    if (value === undefined) return otherwise;
    if (value.kind === 'number') return value.number;
    throw this.wrong(name, value, 'a number, such as 1e-05');
  }

  numberOrNone<T extends number | null>(name: string, otherwise: T): number | null {
    const value = this.given.get(name);
    if (value === undefined) return otherwise;
    return value.kind === 'none' ? null : this.number(name, 0);
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.given.get(name);
    if (value === undefined) return otherwise;
    if (value.kind === 'flag') return value.flag;
    throw this.wrong(name, value, 'True or False');
  }

  /** An error at this argument, or at the end of the call where it is not given. */
  wrongValue(code: ErrorCode, message: string, name: string, hint: string): KeelError {
    return this.error(code, message, this.given.get(name)?.at ?? this.call.end, hint);
  }

  private needed(name: string): Argument {
    const value = this.given.get(name);
    if (value !== undefined) return value;
    throw this.error('argument', `${this.owner} needs ${name}`, this.call.end, `give it: ${name}=...`);
  }

  private wrong(name: string, value: Argument, expected: string): KeelError {
    return this.error('argument', `${this.owner}: ${name} must be ${expected}`, value.at, `here it is ${shown(value)}`);
  }

  /** Where a layer lives does not change what it computes; its parameters are of float32, PyTorch's default. */
  private checkPlace(): void {
    const dtype = this.given.get('dtype');
    if (dtype === undefined || dtype.kind === 'none') return;
    if (dtype.kind === 'name' && ['torch.float32', 'torch.float'].includes(dtype.name)) return;
    throw this.error('dtype', `${this.owner}: parameters are torch.float32 here`, dtype.at, 'leave dtype out');
  }

  private choice(named: readonly string[]): string {
    return named.length === 0 ? 'leave this one out' : `by name it takes ${named.join(', ')}`;
  }

  private error(code: ErrorCode, message: string, at: Span, hint: string): KeelError {
    return textError(code, message, this.call.text, at, hint);
  }
}

function shown(value: Argument): string {
  switch (value.kind) {
    case 'number':
      return `the number ${value.number}`;
    case 'flag':
      return value.flag ? 'True' : 'False';
    case 'none':
      return 'None';
    case 'list':
      return 'a list';
    case 'text':
      return 'a string';
    case 'name':
      return value.name;
    default:
      return value satisfies never;
  }
}
