// Random patterns on random shapes, written without the parser, and what they mean, found without a plan:
// by walking the elements of the tensor and comparing coordinates. Imports fast-check.
import fc from 'fast-check';

/** A name with its sizes: one, or as many as an ellipsis stands for. */
export interface Part {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly reduced: boolean;
}

export interface Word {
  readonly kind: 'axis' | 'ellipsis' | 'group';
  readonly parts: readonly Part[];
}

export interface Sample {
  readonly text: string;
  readonly shape: readonly number[];
  readonly given: Readonly<Record<string, number>>;
  readonly words: readonly Word[];
  readonly parameters: readonly Word[] | null;
}

/** Ranks 0 to 8, sizes 0 to 4, at most 512 elements; every way to write brackets, groups, ellipses and parameters. */
export const samples: fc.Arbitrary<Sample> = fc
  .record({
    names: fc.shuffledSubarray([...'abcdefghijklmnopqrstuvwxyz', 'C1', '_', '__proto__', 'constructor', 'N_2']),
    words: fc.array(
      fc.record({
        isGroup: fc.boolean(),
        factors: fc.array(fc.record({ size: sizeIn0To4(), reduced: fc.boolean() }), { minLength: 1, maxLength: 3 }),
      }),
      { maxLength: 8 },
    ),
    ellipsis: fc.option(
      fc.record({ at: fc.nat(8), sizes: fc.array(sizeIn0To4(), { maxLength: 4 }), reduced: fc.boolean() }),
    ),
    parameters: fc.constantFrom('none', 'some', 'some', 'all'),
    seed: fc.nat(),
  })
  .map(({ names, words: raw, ellipsis, parameters, seed }) => {
    const chance = dice(seed);
    let elements = 1;
    const fit = (size: number): number => {
      if (elements * Math.max(size, 1) > 512) return 1;
      elements *= Math.max(size, 1);
      return size;
    };
    let used = 0;
    const nextName = (): string => names[used++] ?? `n${used}`;
    const words: Word[] = raw.map(({ isGroup, factors }) => {
      // A group of two zeros cannot be written: one is inferred, and no size of 0 can be given for the other.
      let zeros = 0;
      const some = isGroup ? factors.slice(0, chance(12) === 0 ? 0 : 3) : factors.slice(0, 1);
      const parts = some.map(({ size, reduced }) => {
        const fitted = fit(size === 0 && zeros++ > 0 ? 1 : size);
        return { name: nextName(), sizes: [fitted], reduced };
      });
      return { kind: isGroup ? 'group' : 'axis', parts };
    });
    if (ellipsis !== null) {
      const sizes = ellipsis.sizes.slice(0, Math.max(0, 8 - words.length)).map(fit);
      const part = { name: nextName(), sizes, reduced: ellipsis.reduced };
      words.splice(Math.min(ellipsis.at, words.length), 0, { kind: 'ellipsis', parts: [part] });
    }
    const listed = parameters === 'none' ? null : parameterWords(words, parameters === 'all', chance);
    return {
      text: write(words, listed, chance),
      shape: words.flatMap(wordSizes),
      given: givenSizes(words, chance),
      words,
      parameters: listed,
    };
  });

/** For each element: its statistic, numbered by first appearance, and its parameter's place in memory. */
export function meaning({ words, parameters }: Sample): { statistic: number[]; parameter: number[] | null } {
  const digits = words.flatMap(({ parts }) => parts).flatMap(({ name, sizes, reduced }) =>
    sizes.map((size, nth) => ({ name, nth, size, reduced })),
  );
  const listed = (parameters ?? []).flatMap(({ parts }) => parts).flatMap(({ name, sizes }) =>
    sizes.map((size, nth) => ({ place: digits.findIndex((digit) => digit.name === name && digit.nth === nth), size })),
  );
  const numbers = new Map<string, number>();
  const statistic: number[] = [];
  const parameter: number[] = [];
  for (const at of walk(digits.map(({ size }) => size))) {
    const key = at.filter((_, i) => digits[i]?.reduced === false).join();
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    statistic.push(numbers.get(key) ?? -1);
    parameter.push(listed.reduce((outer, { place, size }) => outer * size + (at[place] ?? -1), 0));
  }
  return { statistic, parameter: parameters === null ? null : parameter };
}

/** Plain axes, in brackets where a bit is set, and with parameters along the axes listed. */
export function plainSample(shape: readonly number[], bits: number, listed: readonly number[] | null = null): Sample {
  const words = shape.map((size, i): Word => {
    return { kind: 'axis', parts: [{ name: `a${i}`, sizes: [size], reduced: ((bits >> i) & 1) === 1 }] };
  });
  const parameters = listed?.flatMap((i) => words[i] ?? []) ?? null;
  const axes = words.flatMap(({ parts }) => parts.map(({ name, reduced }) => (reduced ? `[${name}]` : name)));
  const text = axes.join(' ') + (listed === null ? '' : `, ${listed.map((i) => `a${i}`).join(' ')}`);
  return { text, shape, given: {}, words, parameters };
}

/** The same in other words: each factor, and each axis of an ellipsis, is a plain axis. */
export function unwoven({ words, parameters }: Sample): Sample {
  const digits = words.flatMap((word) => word.parts).map((part) => part.sizes.map((size) => ({ ...part, size })));
  const parts = digits.flat();
  const bits = parts.reduce((sum, { reduced }, i) => sum + (reduced ? 2 ** i : 0), 0);
  const names = parameters?.flatMap((word) => word.parts.map(({ name }) => name));
  const listed = names?.flatMap((name) => parts.flatMap((part, i) => (part.name === name ? [i] : []))) ?? null;
  return plainSample(parts.map(({ size }) => size), bits, listed);
}

/** Every index into a tensor of these sizes, in memory order. */
export function* walk(sizes: readonly number[]): Generator<readonly number[]> {
  const [size, ...inner] = sizes;
  if (size === undefined) yield [];
  else for (let i = 0; i < size; i++) for (const rest of walk(inner)) yield [i, ...rest];
}

/** The sizes of the axes that a word stands for. */
export function wordSizes({ kind, parts }: Word): number[] {
  const sizes = parts.flatMap((part) => part.sizes);
  return kind === 'group' ? [sizes.reduce((a, b) => a * b, 1)] : sizes;
}

function sizeIn0To4(): fc.Arbitrary<number> {
  return fc.constantFrom(2, 1, 3, 2, 1, 4, 2, 3, 2, 1, 3, 2, 2, 3, 0);
}

/** Numbers from 0 to below n, the same for the same seed. */
function dice(seed: number): (n: number) => number {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

function parameterWords(words: readonly Word[], all: boolean, chance: (n: number) => number): Word[] {
  const pool = words.flatMap(({ kind, parts }) => parts.map((part) => ({ part, isDotted: kind === 'ellipsis' })));
  const picked = pool.filter(() => all || chance(2) === 0);
  if (chance(3) > 0) for (let i = picked.length - 1; i > 0; i--) picked.push(...picked.splice(chance(i + 1), 1));
  const listed: Word[] = [];
  for (const { part, isDotted } of picked) {
    const last = listed.at(-1);
    if (isDotted) listed.push({ kind: 'ellipsis', parts: [part] });
    else if (last?.kind === 'group' && chance(2) === 0) {
      listed.splice(-1, 1, { kind: 'group', parts: [...last.parts, part] });
    } else listed.push({ kind: chance(2) === 0 ? 'group' : 'axis', parts: [part] });
  }
  return listed;
}

/** Sizes for all factors of a group but at most one, the one of size 0 if there is any; and for some plain axes. */
function givenSizes(words: readonly Word[], chance: (n: number) => number): Record<string, number> {
  const given: [string, number][] = [];
  for (const { kind, parts } of words) {
    if (kind === 'ellipsis') continue;
    const zero = parts.findIndex(({ sizes }) => sizes[0] === 0);
    const inferred = zero >= 0 ? zero : chance(parts.length + 1);
    parts.forEach(({ name, sizes: [size = 1] }, i) => {
      if (i !== inferred && (kind === 'group' || chance(3) === 0)) given.push([name, size]);
    });
  }
  return Object.fromEntries(given);
}

function write(words: readonly Word[], parameters: readonly Word[] | null, chance: (n: number) => number): string {
  const axes = bracket(
    words.map(({ kind, parts }) => {
      if (kind !== 'group') return { text: spell(kind, parts), reduced: parts.some(({ reduced }) => reduced) };
      const isOuter = parts.length > 0 && parts.every(({ reduced }) => reduced) && chance(2) === 0;
      if (isOuter) return { text: spell(kind, parts), reduced: true };
      const inner = parts.map(({ name, reduced }) => ({ text: name, reduced }));
      return { text: `(${bracket(inner, chance)})`, reduced: false };
    }),
    chance,
  );
  if (parameters === null) return axes;
  return `${axes}${gap(chance)},${gap(chance)}${parameters.map(({ kind, parts }) => spell(kind, parts)).join(' ')}`;
}

function spell(kind: Word['kind'], parts: readonly Part[]): string {
  const text = parts.map(({ name }) => name).join(' ');
  return kind === 'group' ? `(${text})` : kind === 'ellipsis' ? `${text}...` : text;
}

function bracket(words: readonly { text: string; reduced: boolean }[], chance: (n: number) => number): string {
  let text = gap(chance);
  let isOpen = false;
  for (const { text: word, reduced } of words) {
    if (isOpen && (!reduced || chance(2) === 0)) {
      text += `${gap(chance)}]`;
      isOpen = false;
    }
    if (/\w$/.test(text)) text += ' ';
    if (reduced && !isOpen) text += `${gap(chance)}[`;
    isOpen = reduced;
    text += gap(chance) + word;
  }
  return `${text}${isOpen ? ']' : ''}${chance(20) === 0 ? '[]' : ''}${gap(chance)}`;
}

function gap(chance: (n: number) => number): string {
  return ['', '', '', ' ', ' ', '  ', '\t', '\n'][chance(8)] ?? '';
}
