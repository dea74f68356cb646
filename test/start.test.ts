// npm start: the report holds against the stored results, finds what deviates, and normalizes one's own file.
import { execFile, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { tensor } from 'evenkeel';
import { load, save, writeSafetensors, type Elements } from 'evenkeel/io';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFolder } from '../tools/start/inputs.js';
import { start } from '../tools/start/start.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-start-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly code: number;
  readonly lines: string[];
  readonly complaints: string;
}

async function run(...argv: string[]): Promise<Run> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const print = (text: string) => void lines.push(...stripVTControlCharacters(text).split('\n'));
  const code = await start(argv, print, (text) => void complaints.push(text));
  return { code, lines, complaints: complaints.join('\n') };
}

test('npm start as a user runs it', { timeout: 60_000 }, async () => {
  const { stdout } = await promisify(execFile)('npm', ['start', '--silent'], { encoding: 'utf8' });
  const lines = stdout.split('\n');
  expect(lines[0]).toMatch(/^evenkeel normalizes/);
  expect(stdout).toContain('1.5524,  0.0155, -0.3596, -1.2083');
  expect(stdout).toContain('1.1505,  0.5212, -0.1262, -1.5455');
  expect(stdout).toContain('1.1822,  0.4419');
  expect(stdout).toContain('Yes on 2 × 3 × 4 × 1');
  expect(stdout).toMatch(/All 164 results of 40 rows are within their limits/);
  expect(lines.filter((line) => line.length > 108)).toEqual([]);
});

// Here, so that two files never build at once.
test('npm run example as a user runs it', { timeout: 60_000 }, async () => {
  const { stdout } = await promisify(execFile)('npm', ['run', '--silent', 'example', 'by-hand/rms-norm'], { encoding: 'utf8' });
  expect(stdout).toContain('Largest difference from the layer');
  const list = await promisify(execFile)('npm', ['run', '--silent', 'example'], { encoding: 'utf8' });
  expect(list.stdout).toContain('claims/padding');
  // What is asked for, the exit code, and what is printed.
  for (const [asked, code, said] of [
    ['rms-norm', 0, 'Largest difference'],
    ['by-hand/rms-norm.ts', 0, 'Largest difference'],
    ['--help', 0, 'claims/padding'],
    ['norm', 2, "no example 'norm'"],
  ] as const) {
    const run = spawnSync('node', ['build/examples/run.js', asked], { encoding: 'utf8' });
    expect([asked, run.status, run.stdout]).toEqual([asked, code, expect.stringContaining(said)]);
  }
  const elsewhere = spawnSync('node', [resolve('build/examples/run.js'), 'digits'], { cwd: folder, encoding: 'utf8' });
  expect([elsewhere.status, elsewhere.stderr]).toEqual([2, expect.stringMatching(/^run it from the project's folder, where data is\n/)]);

  // Also built by now: what a shell sees.
  const photos = join(dataFolder, 'photos_nchw.npy');
  await mkdir(join(folder, 'shell'));
  const out = join(folder, 'shell', 'out.npy');
  expect(asShell(`'${photos}' --as layer-norm -o '${out}' | true`)).toMatchObject({ status: 0, stderr: '' });
  expect(await readdir(join(folder, 'shell'))).toEqual(['out.npy']);
  const piped = asShell(`- --as batch-norm < '${photos}'`);
  expect([piped.status, piped.stdout]).toEqual([0, expect.stringContaining('standard input: 3 × 3 × 224 × 224')]);
  const empty = asShell('- --as batch-norm < /dev/null');
  expect([empty.status, empty.stderr]).toEqual([3, "KeelError [file]: cannot read 'standard input': the file is empty\n"]);
});

function asShell(command: string) {
  return spawnSync('sh', ['-c', `node build/tools/start/main.js ${command}`], { encoding: 'utf8' });
}

test.runIf(process.platform === 'linux')('a full disk under standard output is one line', () => {
  const argv = ['build/tools/start/main.js', join(dataFolder, 'photos_nchw.npy'), '--as', 'layer-norm'];
  const { status, stderr } = spawnSync('node', argv, { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'], encoding: 'utf8' });
  expect([status, stderr]).toEqual([3, expect.stringMatching(/^cannot print: ENOSPC.*\n$/)]);
});

test('without its dependencies the package says how to build it', async () => {
  const clone = join(folder, 'clone');
  await mkdir(join(clone, 'src'), { recursive: true });
  await mkdir(join(clone, 'tools'));
  for (const file of ['package.json', 'tools/prepare.js']) await copyFile(file, join(clone, file));
  const { status, stderr } = spawnSync('npm', ['run', '--silent', 'prepare'], { cwd: clone, encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain('run npm ci in clone first\n');
  expect(stderr).not.toMatch(/^ +at /m);
});

// What is changed in the stored results, and what is said of it.
const tampered: [what: string, change: (stored: StoredFiles) => void, ...said: RegExp[]][] = [
  ['a result', ({ tensors }) => bump(tensors, 'photos/LayerNorm2d(3)/y', 1e-5), /^✗ photos: LayerNorm2d\(3\): y is 1\.0e-5 off/],
  ['a gradient', ({ tensors }) => bump(tensors, 'digit rows/RMSNorm(8)/dx', 1), /^✗ digit rows: RMSNorm\(8\): dx is 1\.0e\+0 off/],
  ['a gradient of a parameter', ({ tensors }) => bump(tensors, 'worked/LayerNorm(4)/dbias', 1e-3), /^✗ worked: LayerNorm\(4\): dbias/],
  ['a running statistic', ({ tensors }) => bump(tensors, 'photos/BatchNorm2d(3) eval/running_var', 1e-3),
    /^✗ photos: BatchNorm2d\(3\) eval: running_var/],
  ['a weight norm', ({ tensors }) => bump(tensors, 'digit vectors/weight_norm Linear/dweight_g', 1e-3),
    /^✗ digit vectors: weight_norm Linear: dweight_g/],
  ['NaN', ({ tensors }) => bump(tensors, 'worked/RMSNorm(4)/y', NaN), /^✗ worked: RMSNorm\(4\): y is - off/],
  ['a name', (stored) => rename(stored, 'GroupNorm(1, 3)', 'X'),
    /^✗ worked: GroupNorm\(1, 3\) has no stored results/, /^✗ worked: X is stored, and is no row here/],
  ['a printed table', ({ json }) => void json.tables[0]?.printed.splice(0, 1, 1.5525), /^✗ first draw.* off what was/],
  ['the verdict', ({ json }) => void json.pairs.splice(0, 1, { ...json.pairs[0], same: false }), /^✗ on 2 × 3 × 4 × 1 PyTorch says/],
];

interface StoredFiles {
  readonly json: {
    readonly rows: { layer: string; outputs: Record<string, unknown> }[];
    readonly tables: { printed: number[] }[];
    readonly pairs: { same: boolean }[];
  };
  readonly tensors: Map<string, Elements>;
}

function bump(tensors: Map<string, Elements>, name: string, by: number): void {
  const held = tensors.get(name);
  if (!(held?.data instanceof Float64Array)) throw new Error(`${name} is not stored`);
  held.data[0] = (held.data[0] ?? 0) + by;
}

function rename({ json, tensors }: StoredFiles, from: string, to: string): void {
  const row = json.rows.find(({ layer }) => layer === from);
  if (row === undefined) throw new Error(`${from} is not stored`);
  row.layer = to;
  for (const name of Object.keys(row.outputs)) {
    const held = tensors.get(`worked/${from}/${name}`);
    if (held !== undefined) tensors.set(`worked/${to}/${name}`, held);
  }
}

async function stored(): Promise<StoredFiles> {
  const tensors = new Map<string, Elements>();
  for (const [name, { dtype, shape, data }] of await load(join(dataFolder, 'start.safetensors'))) {
    tensors.set(name, { dtype, shape, data: data.slice() });
  }
  return { json: JSON.parse(await readFile(join(dataFolder, 'start.json'), 'utf8')), tensors };
}

test('whatever is changed in the stored results is found, and nothing else', { timeout: 60_000 }, async () => {
  const files = await stored();
  for (const [, change] of tampered) change(files);
  await writeFile(join(folder, 'start.json'), JSON.stringify(files.json));
  await writeFile(join(folder, 'start.safetensors'), writeSafetensors(files.tensors));
  const { code, lines } = await run('--stored', folder);
  expect(code).toBe(1);
  const said = lines.slice(lines.findIndex((line) => line.includes('deviations from the stored results')) + 1);
  const expected = tampered.flatMap(([, , ...patterns]) => patterns);
  for (const pattern of expected) expect(said).toContainEqual(expect.stringMatching(pattern));
  expect(said).toHaveLength(expected.length);
  expect(lines.filter((line) => line.endsWith(' ✗'))).toHaveLength(6);
});

test('an array of one\'s own', async () => {
  const path = join(folder, 'photo.npy');
  const out = join(folder, 'out.npy');
  await copyFile(join(dataFolder, 'photos_nchw.npy'), path);
  const { code, lines } = await run(path, '--as', 'group-norm', '--groups', '3', '-o', out);
  expect(code).toBe(0);
  const text = lines.join('\n');
  expect(text).toContain('GroupNorm(3, 3) on 3 × 3 × 224 × 224: 9 means, each over 50176 elements');
  expect(text).toMatch(/\[0, 0, 0, 0\] +148.2495 +32.6350 +0.0000 +1.0000/);
  const y = (await load(out)).get('array');
  expect(y?.shape).toEqual([3, 3, 224, 224]);
  expect(y?.mean().item()).toBeCloseTo(0, 5);
});

// Arguments after the file, which holds 0 to 23 as 2 × 3 × 4, and a line that is printed.
const asked: [argv: string[], line: string][] = [
  [['--as', 'layer-norm'], '[0, 0, 0] 1.5000 1.1180 0.0000 1.0000'],
  [['--as', 'layer-norm', '--normalized-shape', '3x4'], '[0, 0, 0] 5.5000 3.4521 0.0000 1.0000'],
  [['--as', 'LayerNorm', '--normalized-shape', '[3, 4]'], '[0, 0, 0] 5.5000 3.4521 0.0000 1.0000'],
  [['--as', 'layer_norm', '--normalized-shape', '3,4'], '[0, 0, 0] 5.5000 3.4521 0.0000 1.0000'],
  [['--as', 'rms-norm', '--eps', '1'], '[0, 0, 0] 1.5000 1.1180 0.7071 0.5270'],
  [['--as', 'batch-norm'], '[0, 0, 0] 7.5000 6.1033 0.0000 1.0000'],
  [['--as', 'instance-norm'], '[0, 1, 0] 5.5000 1.1180 0.0000 1.0000'],
  [['--as', 'layer-norm-2d', '--shape', '2x3x2x2'], '[0, 0, 0, 0] 4.0000 3.2660 0.0000 1.0000'],
  [['--as', 'local-response-norm'], 'LocalResponseNorm(5, alpha=0.0001, beta=0.75, k=1.0) on 2 × 3 × 4'],
  [['--as', 'LocalResponseNorm', '--size', '2'], 'LocalResponseNorm(2, alpha=0.0001, beta=0.75, k=1.0) on 2 × 3 × 4'],
  [['--as', 'GroupNorm', '--groups', '3'], '[1, 2, 0] 21.5000 1.1180 0.0000 1.0000'],
  [['--pattern', 'b (g [c]) [s...]', 'g=3'], '[1, 2, 0] 21.5000 1.1180 0.0000 1.0000'],
  [['--pattern', '[a] b c'], 'and 4 more'],
];

test.each(asked)('%j', async (argv, line) => {
  const path = join(folder, 'own.npy');
  await save(path, new Map([['array', tensor(Float64Array.from({ length: 24 }, (_, i) => i), [2, 3, 4])]]));
  const { code, lines, complaints } = await run(path, ...argv);
  expect(complaints).toBe('');
  expect(lines.map((each) => each.replaceAll(/ +/g, ' '))).toContain(line);
  expect(code).toBe(0);
});

// Arguments, exit code and what is said.
const refused: [argv: string[], code: number, complaint: string][] = [
  [['absent.npy', '--as', 'batch-norm'], 3, 'KeelError [file]: cannot read'],
  [['object_dtype.npy', '--as', 'batch-norm'], 3, 'object arrays are refused'],
  [['short_data.npy', '--as', 'batch-norm'], 3, 'bytes needed'],
  [['--stored', 'absent'], 3, "no stored results in '"],
  [['photos'], 2, '--as LAYER or --pattern PATTERN'],
  [['photos', '--as', 'batch-norm', '--pattern', 'b'], 2, 'give one of --as and --pattern'],
  [['photos', '--as', 'norm'], 2, "no layer 'norm': choose from layer-norm, "],
  [['--as', 'batch-norm'], 2, '--as needs a FILE'],
  [['-o', 'out.npy'], 2, '--out needs a FILE'],
  [['--groups', '3'], 2, '--groups needs a FILE'],
  [['photos', '--as', 'batch-norm', '--stored', 'x'], 2, '--stored compares what npm start shows without a FILE'],
  [['photos', '--as', 'layer-norm', '--groups', '3'], 2, 'layer-norm takes no --groups, only --normalized-shape and --eps'],
  [['photos', '--as', 'batch-norm', '--normalized-shape', '6'], 2, 'batch-norm takes no --normalized-shape, only --eps'],
  [['photos', '--as', 'local-response-norm', '--eps', '1'], 2, 'local-response-norm takes no --eps, only --size'],
  [['photos', '--as', 'layer-norm', 'g=3'], 2, 'layer-norm takes no g=3, only --normalized-shape and --eps: sizes belong to'],
  [['photos', '--pattern', 'b [s...]', '--groups', '3'], 2, '--pattern takes no --groups, only sizes such as g=3, and --eps'],
  [['photos', '--as', 'group-norm'], 2, 'a number of groups that divides 3 channels'],
  [['photos', '--as', 'group-norm', '--groups', '2'], 2, 'num_channels (3) must be divisible by num_groups (2)'],
  [['photos', '--as', 'group-norm', '--groups', 'two'], 2, "--groups takes numbers, got 'two'"],
  [['photos', '--as', 'layer-norm', '--normalized-shape', '3x4'], 2, 'Given normalized_shape=[3, 4]'],
  [['photos', '--pattern', 'b (g [c) [s...]', 'g=3'], 2, 'KeelError [syntax]'],
  [['photos', '--pattern', 'b (g [c]) [s...]', 'g'], 2, "'g' is no size: write name=number"],
  [['photos', '--pattern', 'b (g [c]) [s...]', 'h=3'], 2, 'KeelError [name]'],
  [['photos', '--as', 'batch-norm', '--shape', '3x3'], 2, "shape '[3, 3]' is invalid for input of size 451584"],
  [['photos', '--as', 'batch-norm', '-o', 'out.txt'], 2, "cannot tell the format of 'out.txt'"],
  [['photos', '--as', 'batch-norm', '--out', join('absent', 'out.npy')], 3, 'cannot write'],
  [['photos', '--grops', '3'], 2, "Unknown option '--grops'"],
];

function pathOf(text: string): string {
  if (text === 'photos') return join(dataFolder, 'photos_nchw.npy');
  return /^(object|short)/.test(text) ? join(import.meta.dirname, 'models', 'broken', text) : text;
}

test.each(refused)('%j is refused', async (argv, code, complaint) => {
  const result = await run(...argv.map(pathOf));
  expect(result.complaints).toContain(complaint);
  expect(result.complaints).not.toMatch(/^ +at /m);
  expect(result.code).toBe(code);
});

test('a single photo gets a hint', async () => {
  const path = join(folder, 'single.npy');
  await save(path, new Map([['array', tensor(new Float32Array(3 * 8 * 8), [3, 8, 8])]]));
  expect((await run(path, '--as', 'group-norm', '--groups', '3')).complaints).toContain('give --shape 1x3x8x8');
});
