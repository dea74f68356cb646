// The frame of the command line: words, help, completion, exit codes, and what reaches a terminal.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { KeelError } from 'evenkeel';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { command, spec } from '../../src/cli/command.js';
import { commands } from '../../src/cli/commands.js';
import { documentation } from '../../src/cli/docs.js';
import { exitOf } from '../../src/cli/exit.js';
import { documentOf } from '../../src/cli/json.js';
import { parse } from '../../src/cli/parse.js';
import { run } from '../../src/cli/run.js';
import { specs } from '../../src/cli/specs.js';
import { nearest } from '../../src/cli/suggest.js';
import { clean, columnsOf } from '../../src/cli/terminal.js';
import { clip, printable, table, widthOf, wrap } from '../../src/cli/text.js';
import { evenkeel, shell } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-frame-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('every command is paired with what does it, in the order of help', () => {
  expect(commands.map((each) => each.spec)).toEqual(specs);
  expect(new Set(specs.map(({ name }) => name)).size).toBe(specs.length);
});

const help = ['--help', ...specs.map(({ name }) => `${name} --help`)];

test.each(help.flatMap((line) => [60, 80, 160].map((columns) => [line, columns] as const)))('%s at %i columns', async (line, columns) => {
  const { exit, out, err } = await evenkeel(line.split(' '), { columns });
  expect([exit, err]).toEqual([0, '']);
  expect(out.split('\n').filter((text) => widthOf(text) > columns && !text.startsWith('  evenkeel '))).toEqual([]);
  await expect(out).toMatchFileSnapshot(`snapshots/help-${line.replaceAll(/[ -]+/g, '-').replace(/^-/, '')}.${columns}.txt`);
});

test('help NAME is NAME --help', async () => {
  for (const { name } of specs) expect((await evenkeel(['help', name])).out).toBe((await evenkeel([name, '--help'])).out);
});

test('the page of documentation is up to date', async () => {
  const text = documentation(specs);
  if (process.env['UPDATE_README'] === '1') await writeFile('docs/cli.md', text);
  expect(await readFile('docs/cli.md', 'utf8')).toBe(text);
});

const own = spec({
  name: 'own',
  summary: 'for tests',
  about: ['For tests.'],
  operands: [{ name: 'IN', about: 'a file' }, { name: 'SHAPE', about: 'a shape', optional: true }, { name: 'SIZE', about: 'sizes', many: true }],
  options: {
    out: { kind: 'path', value: 'OUT', short: 'o', about: 'where to' },
    eps: { kind: 'number', value: '1e-5', about: 'a number' },
    groups: { kind: 'count', value: 'G', about: 'a count' },
    shape: { kind: 'shape', value: '2x3', about: 'a shape' },
    element: { kind: 'index', value: '1,2', about: 'an index' },
    floats: { kind: 'choice', choices: ['float16', 'bfloat16'], about: 'a choice' },
    entry: { kind: 'text', value: 'NAME', many: true, about: 'names' },
    overwrite: { kind: 'flag', about: 'a flag' },
  },
  examples: [],
  json: {},
});

const none = { out: null, eps: null, groups: null, shape: null, element: null, floats: null, entry: [], overwrite: false };

// Words, operands, and the options that differ from those not given.
const read: [words: string, operands: object, options: object][] = [
  ['a', { IN: 'a', SHAPE: null, SIZE: [] }, {}],
  ['a b c d', { IN: 'a', SHAPE: 'b', SIZE: ['c', 'd'] }, {}],
  ['-', { IN: '-', SHAPE: null, SIZE: [] }, {}],
  ['-- --eps', { IN: '--eps', SHAPE: null, SIZE: [] }, {}],
  ['a -o - --eps 0', { IN: 'a', SHAPE: null, SIZE: [] }, { out: '-', eps: 0 }],
  ['--eps=1e-6 a --out=b', { IN: 'a', SHAPE: null, SIZE: [] }, { eps: 1e-6, out: 'b' }],
  ['a --shape 2x3x4 --element 1,2,0', { IN: 'a', SHAPE: null, SIZE: [] }, { shape: [2, 3, 4], element: [1, 2, 0] }],
  ['a --shape [2,3] --element [0]', { IN: 'a', SHAPE: null, SIZE: [] }, { shape: [2, 3], element: [0] }],
  ['a --shape torch.Size([2,3])', { IN: 'a', SHAPE: null, SIZE: [] }, { shape: [2, 3] }],
  ['a --shape (4,)', { IN: 'a', SHAPE: null, SIZE: [] }, { shape: [4] }],
  ['a --shape 2×3X4', { IN: 'a', SHAPE: null, SIZE: [] }, { shape: [2, 3, 4] }],
  ['a --entry x --entry y --overwrite', { IN: 'a', SHAPE: null, SIZE: [] }, { entry: ['x', 'y'], overwrite: true }],
  ['a --floats float16 --groups 0', { IN: 'a', SHAPE: null, SIZE: [] }, { floats: 'float16', groups: 0 }],
];

test.each(read)('%s is read', (words, operands, options) => {
  expect(parse(own, words.split(' ')).given).toEqual({ operands, options: { ...none, ...options } });
});

// Words, and what is said of them.
const refused: [words: string, said: string][] = [
  ['', 'evenkeel own needs IN: a file'],
  ['\u2205', 'IN is empty: a file'],
  ['a \u2205', 'SHAPE is empty: a shape'],
  ['a b \u2205', 'SIZE is empty: sizes'],
  ['-dash.npy', 'has no option -d: a name that begins with a dash is written ./-dash.npy'],
  ['a --ot b', 'evenkeel own has no option --ot (did you mean --out?)'],
  ['a --outfile=b', 'has no option --outfile'],
  ['a -x', 'has no option -x'],
  ['a --out', '--out needs a value: --out OUT'],
  ['a --out --overwrite', '--out needs a value: --out OUT'],
  ['a --out=', '--out needs a path, got nothing'],
  ['a -o b -o c', "--out is given twice: 'b' and 'c'"],
  ['a --overwrite=no', "--overwrite takes no value, got 'no'"],
  ['a --eps tiny', "--eps takes a number from 0, got 'tiny'"],
  ['a --eps NaN', "--eps takes a number from 0, got 'NaN'"],
  ['a --eps Infinity', "--eps takes a number from 0, got 'Infinity'"],
  ['a --eps -1', "--eps takes a number from 0, got '-1'"],
  ['a --groups 1.5', "--groups takes a whole number, got '1.5'"],
  ['a --groups -1', "--groups takes a whole number, got '-1'"],
  ['a --groups 99999999999999999999', '--groups takes a whole number'],
  ['a --shape 2x', "--shape takes sizes such as 2x3x4, got '2x'"],
  ['a --shape 2x-3', '--shape takes sizes such as 2x3x4'],
  ['a --element 1,x', "--element takes an index such as 1,2,0, got '1,x'"],
  ['a --floats float61', "--floats takes float16, bfloat16, got 'float61' (did you mean float16?)"],
  ['a --__proto__', 'has no option --__proto__'],
  ['a --constructor 1', 'has no option --constructor'],
];

test.each(refused)('%s is refused', (words, said) => {
  const call = () => parse(own, words.split(' ').filter((word) => word !== '').map((word) => (word === '\u2205' ? '' : word)));
  expect(call).toThrowError(KeelError);
  expect(call).toThrowError(said);
});

test('operands that are too many are named', async () => {
  const { exit, err } = await evenkeel(['completion', 'bash', 'b (g c)']);
  expect([exit, err]).toEqual([2, expect.stringContaining("takes SHELL and no more, got 'b (g c)' besides: quote what has spaces")]);
});

// Words, exit code, standard error.
const said: [words: string[], exit: number, err: RegExp][] = [
  [[], 2, /^$/],
  [['bnch'], 2, /^error \[argument\]: evenkeel has no command 'bnch' \(did you mean bench\?\)/],
  [['help', 'bnch'], 2, /did you mean bench/],
  [['zzz'], 2, /has no command 'zzz': choose from /],
  [['--hlep'], 2, /evenkeel has no option --hlep \(did you mean --help\?\)/],
  [['--verison'], 2, /did you mean --version\?/],
  [['--json', 'demo'], 2, /evenkeel has no option --json: options of a command stand behind it/],
  [['hlep'], 2, /did you mean help\?/],
  [['bench', '--jsn'], 2, /did you mean --json.*\nusage: evenkeel bench \[LAYER \.\.\.\] \[options\]; 'evenkeel bench --help' shows all/],
  [['completion', 'bsh'], 2, /no shell 'bsh' \(did you mean bash or zsh\?\)/],
  [['--version'], 0, /^$/],
];

test.each(said)('%j', async (words, exit, err) => {
  const ran = await evenkeel(words);
  expect(ran.exit).toBe(exit);
  expect(ran.err).toMatch(err);
  expect(ran.err).not.toMatch(/^ +at /m);
});

test('with --json errors are documents too', async () => {
  const { exit, out } = await evenkeel(['bench', 'nosuch', '--json']);
  expect(exit).toBe(2);
  expect(JSON.parse(out)).toMatchObject({ version: 1, command: 'bench', error: { code: 'argument', exit: 2, data: { layer: 'nosuch' } } });
});

test('a document holds what JSON has no words for', () => {
  const made = documentOf('x', { a: NaN, b: [Infinity, -Infinity], c: 5n, d: 2n ** 70n, e: new Map([['k', new Float32Array([1, NaN])]]) });
  expect(made).not.toContain('\n');
  expect(JSON.parse(made)).toEqual({
    version: 1, command: 'x', a: 'NaN', b: ['Infinity', '-Infinity'], c: 5, d: String(2n ** 70n), e: { k: [1, 'NaN'] },
  });
});

// Codes of errors, and of files.
const codes: [code: ConstructorParameters<typeof KeelError>[0], problem: string | null, exit: number][] = [
  ['argument', null, 2], ['indivisible', null, 2], ['memory', null, 5], ['disposed', null, 70], ['file', 'missing', 2],
  ['file', 'corrupt', 3], ['file', 'unsupported', 4], ['file', 'access', 5], ['file', null, 3],
];

test.each(codes)('%s %s exits %i', (code, problem, exit) => {
  expect(exitOf(new KeelError(code, '', problem === null ? {} : { problem }))).toBe(exit);
});

test('what is no KeelError is a defect', async () => {
  expect(exitOf(new Error('x'))).toBe(70);
});

const layers = ['layer-norm', 'layer-norm-2d', 'batch-norm', 'rms-norm'];
const meant: [given: string, names: string[]][] = [
  ['lyer-norm', ['layer-norm']], ['LayerNorm', ['layer-norm', 'layer-norm-2d']], ['bacth-norm', ['batch-norm']],
  ['rms', ['rms-norm']], ['softmax', []], ['', []],
];

test.each(meant)("'%s' may mean %j", (given, names) => {
  expect(nearest(given, layers)).toEqual(names);
});

test('the nearest of hostile names is found in no time', () => {
  expect(nearest('a'.repeat(1e6), ['b'.repeat(1e6), 'layer-norm'])).toEqual([]);
});

test('text is measured in columns', () => {
  expect(['abc', '层归一化', 'é', '👍', '\u001b[1mab\u001b[22m'].map(widthOf)).toEqual([3, 8, 1, 2, 2]);
  expect(wrap('one two three', 7, '  ')).toEqual(['one two', '  three']);
  expect(clip('encoder.layers.0.norm1', 11)).toBe('encod…norm1');
  expect(clip('层归一化层归一化', 9)).toBe('层归…一化');
  expect(widthOf(clip('层归一化', 4))).toBeLessThanOrEqual(4);
  expect(table([['name', 'n'], ['a.long.name.of.a.layer', '1']], { columns: 14, align: ['left', 'right'] })).toEqual([
    'name         n', 'a.lon…layer  1',
  ]);
});

test('what a file says reaches a terminal without its control characters', () => {
  expect(printable('a\u001b[2Jb\u0007\u202ec')).toBe('a\\x1b[2Jb\\x07\\u202ec');
  expect(clean('a\u001b[2Jb\u0007\u001b[1mc\u001b[22m\u001b[8m')).toBe('a\ufffd[2Jb\ufffd\u001b[1mc\u001b[22m\ufffd[8m');
});

test('colour only for a terminal, and NO_COLOR is respected', async () => {
  const esc = '\u001b[';
  expect((await evenkeel(['--help'])).out).not.toContain(esc);
  expect((await evenkeel(['--help'], { isTerminal: true })).out).toContain(esc);
  expect((await evenkeel(['--help'], { isTerminal: true, env: { NO_COLOR: '1' } })).out).not.toContain(esc);
  expect((await evenkeel(['--help'], { isTerminal: true, env: { TERM: 'dumb' } })).out).not.toContain(esc);
});

// Of the stream, the variable COLUMNS, and what lines may have.
const measured: [columns: number | undefined, asked: string | undefined, wide: number][] = [
  [120, undefined, 120], [120, '60', 60], [undefined, undefined, 80], [undefined, 'wide', 80], [7, undefined, 20], [120, '0', 120],
  // Of a terminal that does not say its size.
  [0, undefined, 80],
];

test.each(measured)('a stream of %j columns and COLUMNS %j: %i', (columns, asked, wide) => {
  expect(columnsOf(Object.assign(new Writable(), columns === undefined ? {} : { columns }), { COLUMNS: asked })).toBe(wide);
});

test('an outcome of 1, text, and notes that --quiet leaves out', async () => {
  const one = command(own, async () => async (_, terminal) => {
    terminal.note('a note');
    terminal.print('a line');
    return { exit: 1, json: { k: 1 }, text: ['the text'] };
  });
  const lines: Record<string, string> = { out: '', err: '' };
  const stream = (name: string) => new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines[name] += String(chunk);
      done();
    },
  });
  const process = {
    stdin: Readable.from([]), stdout: stream('out'), stderr: stream('err'), env: {}, cwd: '/', signal: new AbortController().signal,
    guard: <T>(work: Promise<T>) => work,
  };
  expect(await run(['own', 'x'], [one], '0', process)).toBe(1);
  expect(lines).toEqual({ out: 'a line\nthe text\n', err: 'a note\n' });
  Object.assign(lines, { out: '', err: '' });
  expect(await run(['own', 'x', '--json', '-q'], [one], '0', process)).toBe(1);
  expect(lines).toEqual({ out: '{"version":1,"command":"own","k":1}\n', err: '' });
});

test.each(['bench rms-norm --shape 64x64 --seconds 3', 'demo'])('%s ends soon after Ctrl-C', async (line) => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 100);
  const start = performance.now();
  expect((await evenkeel(line.split(' '), { signal: controller.signal })).exit).toBe(130);
  expect(performance.now() - start).toBeLessThan(2500);
});

test('Ctrl-C during work that does not look for it ends without a result', async () => {
  const controller = new AbortController();
  const blind = command(own, async () => async () => {
    setTimeout(() => controller.abort(), 1);
    const end = performance.now() + 20;
    while (performance.now() < end);
    return { exit: 0, json: {}, text: ['the text'] };
  });
  const stdout = new PassThrough();
  const streams = { stdin: Readable.from([]), stdout, stderr: new PassThrough() };
  const process = { ...streams, env: {}, cwd: '/', signal: controller.signal, guard: <T>(work: Promise<T>) => work };
  expect(await run(['own', 'x'], [blind], '0', process)).toBe(130);
  expect(stdout.read()).toBeNull();
});

test('the built command: version, a pipe that is closed, a full disk', { timeout: 60_000 }, async () => {
  const version: unknown = JSON.parse(await readFile('package.json', 'utf8')).version;
  expect((await shell('evenkeel --version', folder)).out).toBe(`evenkeel ${String(version)}\n`);
  expect(await shell('evenkeel completion zsh | true', folder)).toMatchObject({ exit: 0, err: '' });
  expect((await shell('evenkeel nothing', folder)).exit).toBe(2);
  if (process.platform !== 'linux') return;
  const full = spawnSync('node', ['dist/cli/main.js', '--help'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'], encoding: 'utf8' });
  expect([full.status, full.stderr]).toEqual([5, expect.stringMatching(/^error: cannot write to standard output: ENOSPC/)]);
});

// What stands on the line, and what bash offers.
const completed: [line: string, offers: string[]][] = [
  ['evenkeel ben', ['bench']],
  ['evenkeel bench --sha', ['--shape']],
  ['evenkeel bench layer-norm-', ['layer-norm-2d']],
  ['evenkeel help dem', ['demo']],
  ['evenkeel demo --stored fil', ['file.npy']],
  ['evenkeel explain fil', ['file.npy']],
  ['evenkeel normalize fil', ['file.npy']],
  ['evenkeel normalize two', ['two words.npy']],
  ['evenkeel normalize a --out two', ['two words.npy']],
  ['evenkeel normalize a --as group', ['group-norm']],
  ['evenkeel completion f', ['fish']],
];

test.each(completed)('bash completes %s', async (line, offers) => {
  for (const name of ['file.npy', 'two words.npy']) await writeFile(join(folder, name), '');
  await writeFile(join(folder, 'evenkeel.bash'), (await evenkeel(['completion', 'bash'])).out);
  const words = line.split(' ');
  const script = `source ./evenkeel.bash; COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}; _evenkeel; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual(offers);
});
