// Python's pickles, as far as plain containers go: a machine of a stack and a memo that runs nothing. May import errors.

import type { KeelError } from '../errors.js';
import { unsupported } from './elements.js';
import { PickleReader } from './picklereader.js';

/** A Python OrderedDict, which is what state dicts are. */
export class OrderedDict extends Map<unknown, unknown> {}

/** A Python tuple; lists are arrays, dicts Maps, sets Sets, None is null, whole numbers beyond 2⁵³ bigints. */
export class Tuple {
  constructor(readonly items: readonly unknown[]) {}
}

/** What a pickle calls by its dotted name, once it is allowed to. `call` is null for what is a name and no more. */
export class Global {
  constructor(
    readonly name: string,
    readonly call: ((args: readonly unknown[]) => unknown) | null,
  ) {}
}

/** A value of a class of plain data that is not read: whatever it holds is dropped. */
export class Opaque {
  constructor(readonly name: string) {}
}

/** What a pickle may refer to. */
export interface Host {
  /** The global of a dotted name; throws for what is not allowed. */
  readonly global: (name: string) => Global;
  /** What a persistent id stands for; throws for what is none. */
  readonly persistent: (id: unknown) => unknown;
}

/**
 * The value of a pickle of protocol 0 to 5. Nothing is imported and nothing called but what the host allows by name;
 * everything is built from bytes that are there, in one pass and without recursion.
 *
 * @throws KeelError [file] for what is cut or malformed, and whatever needs more than plain containers.
 * @see https://docs.python.org/3/library/pickletools.html
 */
export function unpickle(bytes: Uint8Array, host: Host): unknown {
  return new Machine(bytes, host).run();
}

/** Opcodes as pickletools spells them. */
const letters = Array.from({ length: 256 }, (_, opcode) => {
  return opcode < 0x80 ? String.fromCharCode(opcode) : `\\x${opcode.toString(16)}`;
});

/** Opcodes for what is outside of the pickle, or for classes. */
const refusedOpcodes = new Map([
  ['\\x82', 'EXT1'], ['\\x83', 'EXT2'], ['\\x84', 'EXT4'],
  ['\\x92', 'NEWOBJ_EX'], ['\\x97', 'NEXT_BUFFER'], ['\\x98', 'READONLY_BUFFER'],
]);

/** A hundred thousand tensors have fewer containers, and fewer values in the memo: PyTorch writes eight or so for each. */
const MOST_CONTAINERS = 2 ** 20;
const MOST_MEMOS = 2 ** 20;

/** Values since the last mark: Python sets items by the thousand. */
const MOST_VALUES = 2 ** 21;

/** Open marks, which is how deep containers nest while they are built. */
const MOST_MARKS = 1000;

class Machine {
  readonly #in: PickleReader;
  readonly #host: Host;
  readonly #memo = new Map<number, unknown>();
  #made = 0;
  #stack: unknown[] = [];
  /** The stacks below each open mark. */
  readonly #below: unknown[][] = [];

  constructor(bytes: Uint8Array, host: Host) {
    this.#in = new PickleReader(bytes);
    this.#host = host;
  }

  run(): unknown {
    for (;;) {
      const opcode = this.#in.uint(1);
      if (opcode === 0x2e) break; // STOP
      this.#step(opcode);
    }
    const value = this.#pop();
    if (this.#stack.length > 0 || this.#below.length > 0) throw this.#in.malformed('values are left on the stack');
    return value;
  }

  /** Opcodes by family, each in the order of pickletools. */
  #step(opcode: number): void {
    const letter = letters[opcode] ?? '';
    if (this.#pushesScalar(letter) || this.#pushesText(letter) || this.#builds(letter) || this.#refers(letter)) return;
    throw this.#in.malformed(`no opcode is called '${letter}'`);
  }

  #pushesScalar(letter: string): boolean {
    switch (letter) {
      case 'I':
        return this.#push(this.#in.intLine());
      case 'L':
        return this.#push(this.#in.longLine());
      case 'F':
        return this.#push(this.#in.floatLine());
      case 'J':
        return this.#push(this.#in.uint(4) | 0);
      case 'K':
        return this.#push(this.#in.uint(1));
      case 'M':
        return this.#push(this.#in.uint(2));
      case '\\x8a':
        return this.#push(this.#in.long(this.#in.uint(1)));
      case '\\x8b':
        return this.#push(this.#in.long(this.#in.uint(4)));
      case 'G':
        return this.#push(this.#in.float());
      case 'N':
        return this.#push(null);
      case '\\x88':
        return this.#push(true);
      case '\\x89':
        return this.#push(false);
      default:
        return false;
    }
  }

  #pushesText(letter: string): boolean {
    switch (letter) {
      case 'S':
        return this.#push(this.#in.quotedLine());
      case 'V':
        return this.#push(this.#in.unicodeLine());
      case 'U':
      case '\\x8c':
        return this.#push(this.#in.text(this.#in.uint(1)));
      case 'T':
      case 'X':
        return this.#push(this.#in.text(this.#in.uint(4)));
      case '\\x8d':
        return this.#push(this.#in.text(this.#in.length64()));
      case 'C':
        return this.#push(this.#in.bytes(this.#in.uint(1)));
      case 'B':
        return this.#push(this.#in.bytes(this.#in.uint(4)));
      case '\\x8e':
      case '\\x96':
        return this.#push(this.#in.bytes(this.#in.length64()));
      default:
        return false;
    }
  }

  #builds(letter: string): boolean {
    switch (letter) {
      case '(':
        if (this.#below.length === MOST_MARKS) throw this.#in.malformed(`more than ${MOST_MARKS} marks are open`);
        this.#below.push(this.#stack);
        this.#stack = [];
        return true;
      case '0':
        if (this.#stack.length === 0) this.#popMark();
        else this.#pop();
        return true;
      case '1':
        this.#popMark();
        return true;
      case '2':
        return this.#push(this.#top());
      case ')':
        return this.#make(new Tuple([]));
      case 't':
        return this.#make(new Tuple(this.#popMark()));
      case '\\x85':
      case '\\x86':
      case '\\x87':
        return this.#make(new Tuple(this.#popSome(letter.charCodeAt(3) - 0x34)));
      case ']':
        return this.#make([]);
      case 'l':
        return this.#make(this.#popMark());
      case 'a':
        return this.#append(this.#popSome(1));
      case 'e':
        return this.#append(this.#popMark());
      case '}':
        return this.#make(new Map());
      case 'd':
        return this.#make(this.#fill(new Map(), this.#popMark()));
      case 's':
        return this.#setItems(this.#popSome(2));
      case 'u':
        return this.#setItems(this.#popMark());
      case '\\x8f':
        return this.#make(new Set());
      case '\\x90':
        return this.#addItems(this.#popMark());
      case '\\x91':
        return this.#make(new Set(this.#popMark().map((item) => this.#hashable(item))));
      default:
        return false;
    }
  }

  #refers(letter: string): boolean {
    switch (letter) {
      case '\\x80':
        if (this.#in.uint(1) > 5) throw this.#in.malformed('its protocol is none of 0 to 5');
        return true;
      case '\\x95':
        this.#in.frame();
        return true;
      case 'p':
        return this.#remember(this.#in.indexLine());
      case 'q':
        return this.#remember(this.#in.uint(1));
      case 'r':
        return this.#remember(this.#in.uint(4));
      case '\\x94':
        return this.#remember(this.#memo.size);
      case 'g':
        return this.#recall(this.#in.indexLine());
      case 'h':
        return this.#recall(this.#in.uint(1));
      case 'j':
        return this.#recall(this.#in.uint(4));
      case 'P':
        return this.#push(this.#host.persistent(this.#in.line()));
      case 'Q':
        return this.#push(this.#host.persistent(this.#pop()));
      case 'c':
        return this.#push(this.#host.global(`${this.#in.line()}.${this.#in.line()}`));
      case '\\x93':
        return this.#push(this.#host.global(this.#popSome(2).map((part) => this.#string(part)).join('.')));
      case 'i':
        return this.#push(this.#call(this.#host.global(`${this.#in.line()}.${this.#in.line()}`), this.#popMark()));
      case 'o': {
        const [callee, ...args] = this.#popMark();
        return this.#push(this.#call(callee, args));
      }
      case 'R':
      case '\\x81': {
        const [callee, args] = this.#popSome(2);
        if (!(args instanceof Tuple)) throw this.#in.malformed('the arguments of a call are no tuple');
        return this.#push(this.#call(callee, args.items));
      }
      case 'b':
        return this.#takeState(this.#pop());
      default:
        throw this.#refused(letter);
    }
  }

  #call(callee: unknown, args: readonly unknown[]): unknown {
    this.#count();
    if (callee instanceof Global && callee.call !== null) return callee.call(args);
    throw this.#in.malformed(`${callee instanceof Global ? callee.name : 'a value'} is called, and is no function`);
  }

  /** Attributes of an OrderedDict (`_metadata`, the versions of modules) say nothing about tensors. */
  #takeState(state: unknown): boolean {
    const value = this.#top();
    if (value instanceof Opaque || (value instanceof Map && state instanceof Map)) return true;
    throw this.#in.malformed('a state is set on what has none');
  }

  #refused(letter: string): KeelError {
    const name = refusedOpcodes.get(letter);
    if (name === undefined) return this.#in.malformed(`no opcode is called '${letter}'`);
    return unsupported(`the pickle's opcode ${name} is refused: plain containers need none. Save model.state_dict()`, {
      opcode: name,
    });
  }

  #push(value: unknown): true {
    if (this.#stack.length === MOST_VALUES) throw this.#in.malformed(`more than ${MOST_VALUES} values are on the stack`);
    this.#stack.push(value);
    return true;
  }

  #make(container: object): true {
    this.#count();
    return this.#push(container);
  }

  /** A dict is one byte of a pickle, and two hundred of memory. */
  #count(): void {
    this.#made += 1;
    if (this.#made > MOST_CONTAINERS) throw this.#in.malformed(`more than ${MOST_CONTAINERS} containers are made`);
  }

  #top(): unknown {
    if (this.#stack.length > 0) return this.#stack.at(-1);
    throw this.#in.malformed('the stack is empty');
  }

  #pop(): unknown {
    const top = this.#top();
    this.#stack.pop();
    return top;
  }

  #popSome(count: number): unknown[] {
    if (this.#stack.length < count) throw this.#in.malformed('the stack is empty');
    return this.#stack.splice(-count);
  }

  /** Everything above the last mark. */
  #popMark(): unknown[] {
    const above = this.#stack;
    const below = this.#below.pop();
    if (below === undefined) throw this.#in.malformed('there is no mark');
    this.#stack = below;
    return above;
  }

  #append(items: readonly unknown[]): true {
    const list = this.#top();
    if (list instanceof Opaque) return true;
    if (!Array.isArray(list)) throw this.#in.malformed('items are appended to what is no list');
    for (const item of items) list.push(item);
    return true;
  }

  #addItems(items: readonly unknown[]): true {
    const set = this.#top();
    if (!(set instanceof Set)) throw this.#in.malformed('items are added to what is no set');
    for (const item of items) set.add(this.#hashable(item));
    return true;
  }

  #setItems(items: readonly unknown[]): true {
    const dict = this.#top();
    if (dict instanceof Opaque) return true;
    if (!(dict instanceof Map)) throw this.#in.malformed('items are set in what is no dict');
    this.#fill(dict, items);
    return true;
  }

  #fill(dict: Map<unknown, unknown>, items: readonly unknown[]): Map<unknown, unknown> {
    if (items.length % 2 !== 0) throw this.#in.malformed('a key has no value');
    for (let i = 0; i < items.length; i += 2) dict.set(this.#hashable(items[i]), items[i + 1]);
    return dict;
  }

  #hashable(key: unknown): unknown {
    if (Array.isArray(key) || key instanceof Map || key instanceof Set) throw this.#in.malformed('a key is a container');
    return key;
  }

  #string(value: unknown): string {
    if (typeof value === 'string') return value;
    throw this.#in.malformed('a name is no string');
  }

  #remember(index: number): true {
    if (this.#memo.size === MOST_MEMOS) throw this.#in.malformed(`more than ${MOST_MEMOS} values are in the memo`);
    this.#memo.set(index, this.#top());
    return true;
  }

  #recall(index: number): true {
    if (this.#memo.has(index)) return this.#push(this.#memo.get(index));
    throw this.#in.malformed(`the memo holds nothing under ${index}`);
  }
}
