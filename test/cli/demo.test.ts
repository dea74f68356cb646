// evenkeel demo, which is npm start: the report holds against the stored results, and finds what deviates.
import { execFile, spawnSync } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { load, writeSafetensors, type Elements } from 'evenkeel/io';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFolder } from '../../src/cli/demo/inputs.js';
import { evenkeel } from './cli.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'evenkeel-demo-'));
});
afterAll(() => rm(folder, { recursive: true }));

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
  const { exit, out } = await evenkeel(['demo', '--stored', folder]);
  const lines = out.trimEnd().split('\n');
  expect(exit).toBe(1);
  const said = lines.slice(lines.findIndex((line) => line.includes('deviations from the stored results')) + 1);
  const expected = tampered.flatMap(([, , ...patterns]) => patterns);
  for (const pattern of expected) expect(said).toContainEqual(expect.stringMatching(pattern));
  expect(said).toHaveLength(expected.length);
  expect(lines.filter((line) => line.endsWith(' ✗'))).toHaveLength(6);
});

test('as JSON', { timeout: 60_000 }, async () => {
  const { exit, out } = await evenkeel(['demo', '--json']);
  expect(exit).toBe(0);
  const { torch, rows, deviations } = JSON.parse(out);
  expect([typeof torch, rows.length, deviations]).toEqual(['string', 40, []]);
  expect(rows[0]).toMatchObject({ input: 'worked', layer: 'LayerNorm(4)', shape: [2, 3, 4], statistics: '6×4' });
  for (const { results } of rows) for (const { error, limit } of results) expect(error).toBeLessThanOrEqual(limit);
});

test('no stored results, or none that can be read', async () => {
  expect(await evenkeel(['demo', '--stored', 'absent'])).toMatchObject({ exit: 2, err: expect.stringContaining('no stored results in') });
  const broken = join(folder, 'broken');
  await mkdir(broken);
  await writeFile(join(broken, 'start.json'), '{');
  await copyFile(join(dataFolder, 'start.safetensors'), join(broken, 'start.safetensors'));
  expect(await evenkeel(['demo', '--stored', broken])).toMatchObject({ exit: 3, err: expect.stringContaining('is not JSON') });
  await writeFile(join(broken, 'start.json'), '{}');
  expect(await evenkeel(['demo', '--stored', broken])).toMatchObject({ exit: 3, err: expect.stringContaining('has no rows') });
});
