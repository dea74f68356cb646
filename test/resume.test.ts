// Trainings that go on from a file: PyTorch's own, and ours to the last bit; and states that are refused.
// The files of test/resume are written by test/resume/generate.py.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Adam, AdamW, backends, BatchNorm1d, CosineAnnealingLR, crossEntropy, DataLoader, Dropout, getRngState, Linear, LinearLR,
  loadCheckpoint, manualSeed, memory, noDecay, OneCycleLR, ones, rand, randint, randn, randperm, ReLU, saveCheckpoint,
  Sequential, setRngState, SGD, StepLR, tensor, useBackend, zeros,
  type Checkpoint, type LRScheduler, type OneCycleLROptions, type OptimizerState, type Scheduled, type Tensor,
} from 'evenkeel';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { closeness } from './closeness.js';
import { refusal } from './refusal.js';

const inUse = useBackend('reference');
useBackend(inUse);
afterEach(() => {
  useBackend(inUse);
});
const folder = await mkdtemp(join(tmpdir(), 'evenkeel-'));
afterAll(() => rm(folder, { recursive: true }));

const places = [...backends().map((backend) => [backend, 'float32', 2e-6] as const), ['reference', 'float64', 1e-14] as const];

/** What generate.py keeps beside what scripts do. */
interface Stopped extends Checkpoint {
  readonly next: {
    readonly gradients: readonly Readonly<Record<string, Tensor>>[];
    readonly after: readonly Readonly<Record<string, Tensor>>[];
    readonly normals: Tensor;
    readonly uniforms: Tensor;
    readonly order: Tensor;
  };
}

const stopped = (name: string): Promise<Stopped> => loadCheckpoint(fileURLToPath(new URL(`resume/${name}.pth`, import.meta.url)));

describe.each(places)('PyTorch\'s training goes on: %s %s', (backend, dtype, rtol) => {
  // Other settings than the file's, which it brings along.
  test.each([
    ['sgd', ([a, b, c]: readonly Tensor[]) => new SGD([a!, b!, c!]), (optimizer: Scheduled) => new StepLR(optimizer, { stepSize: 9 })],
    [
      'adamw',
      ([a, b, c]: readonly Tensor[]) => new AdamW([{ params: a! }, { params: [b!, c!] }]),
      (optimizer: Scheduled) => new CosineAnnealingLR(optimizer, { tMax: 99 }),
    ],
  ] as const)('%s', async (name, make, schedules) => {
    useBackend(backend);
    const { model, optimizer: state, schedule: scheduled, epoch, next } = await stopped(name);
    const params = new Map([...model].map(([key, x]) => [key, tensor(Float64Array.from(x.data, Number), x.shape, { dtype, requiresGrad: true })]));
    const optimizer = make([...params.values()]);
    const schedule = schedules(optimizer);
    optimizer.loadStateDict(state);
    schedule.loadStateDict(scheduled);
    expect([epoch, next.after.length]).toEqual([3, 5]);
    next.after.forEach((after, step) => {
      for (const [key, x] of params) x.grad = next.gradients[step]![key]!.to(dtype);
      optimizer.step();
      schedule.step();
      for (const [key, x] of params) {
        expect([step, key, closeness(x.data, after[key]!.data, { rtol, atol: rtol })]).toEqual([step, key, null]);
      }
    });
  });
});

test('what else PyTorch\'s file holds', async () => {
  const { best, classes, seen, model, optimizer } = await stopped('adamw');
  expect({ best, classes, seen }).toEqual({ best: Infinity, classes: ['cat', 'dog'], seen: [1] });
  expect([...model.keys()]).toEqual(['fc.weight', 'fc.bias', 'norm.weight']);
  expect(Object.keys(optimizer.state)).toEqual(['0', '1', '2']);
});

describe('the generator goes on', () => {
  test.each(['sgd', 'adamw'])('from PyTorch\'s state in %s.pth, which is ours byte for byte', async (name) => {
    const { rng, next } = await stopped(name);
    setRngState(rng);
    expect(getRngState().data).toEqual(rng.data);
    // The first of these normals was kept from before.
    expect(closeness(randn([3]).data, next.normals.data, { rtol: 2e-6, atol: 1e-7 })).toBeNull();
    expect(rand([700]).data).toEqual(next.uniforms.data);
    expect(randperm(20).data).toEqual(next.order.data);
  });

  test.each([0, 1, 623, 624, 625])('after %i words', (words) => {
    manualSeed(3);
    rand([words]);
    const state = getRngState();
    const after = rand([700]).data.slice();
    setRngState(state);
    expect(rand([700]).data).toEqual(after);
  });

  test.each([
    ['nothing', () => undefined as never, 'RNG state must be an int64 tensor of bytes, as getRngState() gives it, got undefined'],
    ['other numbers', () => ones([5056]), 'got one of float32'],
    ['fewer', () => bytes(() => 0).reshape([2, 2528]).select(0, 0), 'RNG state is wrong size: it has 5056 bytes, got 2528'],
    ['no bytes', () => bytes((all) => (all[30] = 256n)), 'Invalid mt19937 state'],
    ['bytes of no state', () => bytes((all) => (all[16] = 7n)), 'Invalid mt19937 state'],
    ['zeros', () => zeros([5056], { dtype: 'int64' }), 'Invalid mt19937 state'],
  ])('not from %s', (_, state, words) => {
    const before = getRngState().data;
    const error = refusal(() => setRngState(state()));
    expect([error.code, error.message]).toEqual(['argument', expect.stringContaining(words)]);
    expect(getRngState().data).toEqual(before);
  });
});

/** The generator's state, changed. */
function bytes(change: (bytes: BigInt64Array) => unknown): Tensor {
  const changed = BigInt64Array.from(getRngState().data, BigInt);
  change(changed);
  return tensor(changed, [changed.length]);
}

interface Run {
  readonly model: Sequential;
  readonly optimizer: SGD | AdamW;
  readonly schedule: LRScheduler;
}

function begin(kind: 'momentum' | 'adamw'): Run {
  const model = new Sequential(new Linear(4, 8), new BatchNorm1d(8), new ReLU(), new Dropout(0.3), new Linear(8, 3));
  const optimizer = kind === 'adamw' ? new AdamW(noDecay(model), { amsgrad: true }) : new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  const schedule = kind === 'adamw' ? new OneCycleLR(optimizer, { maxLr: 0.05, totalSteps: 40 }) : new CosineAnnealingLR(optimizer, { tMax: 9 });
  return { model, optimizer, schedule };
}

/** All that a run has come to. */
const stateOfRun = ({ model, optimizer, schedule }: Run): Record<string, unknown> => ({
  model: model.stateDict(), optimizer: optimizer.stateDict(), schedule: schedule.stateDict(), rng: getRngState(),
});

test.each([...backends()].flatMap((backend) => [[backend, 'momentum'], [backend, 'adamw']] as const))('%s: a run of %s that goes on from a file is the run that was not cut, bit for bit', async (backend, kind) => {
  useBackend(backend);
  manualSeed(11);
  const [x, y] = [randn([20, 4]), randint(0, 3, [20])];
  const loader = new DataLoader([x, y], { batchSize: 6, shuffle: true });
  const epoch = ({ model, optimizer, schedule }: Run): void => loader.forEach(([rows, labels]) => {
    optimizer.zeroGrad();
    crossEntropy(model.forward(rows) as Tensor, labels).backward();
    optimizer.step();
    schedule.step();
  });
  const whole = begin(kind);
  for (let i = 0; i < 3; i++) epoch(whole);
  const path = join(folder, `${backend}-${kind}.safetensors`);
  await saveCheckpoint(path, { ...stateOfRun(whole), epoch: 3 });
  for (let i = 0; i < 3; i++) epoch(whole);
  const wanted = bitsOf(stateOfRun(whole));

  manualSeed(99);
  const saved = await loadCheckpoint(path);
  const resumed = begin(kind);
  expect(bitsOf(stateOfRun(resumed))).not.toEqual(wanted);
  resumed.model.loadStateDict(saved.model);
  resumed.optimizer.loadStateDict(saved.optimizer);
  resumed.schedule.loadStateDict(saved.schedule);
  setRngState(saved.rng);
  for (let i = saved.epoch; i < 6; i++) epoch(resumed);
  expect(bitsOf(stateOfRun(resumed))).toEqual(wanted);
});

/** Elements in place of tensors. */
function bitsOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, bitsOf(item)]));
  if (Array.isArray(value)) return value.map(bitsOf);
  if ('storage' in value) return (value as Tensor).data.slice();
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, bitsOf(item)]));
}

test.each([
  ['StepLR', (optimizer: Scheduled) => new StepLR(optimizer, { stepSize: 2, gamma: 0.5 })],
  ['LinearLR', (optimizer: Scheduled) => new LinearLR(optimizer, { totalIters: 6 })],
  ['CosineAnnealingLR', (optimizer: Scheduled) => new CosineAnnealingLR(optimizer, { tMax: 3 })],
  ['OneCycleLR', (optimizer: Scheduled) => new OneCycleLR(optimizer, { maxLr: [0.3, 0.1], totalSteps: 23, threePhase: true })],
] as const)('a schedule goes on from a file: %s', async (name, make) => {
  const start = (): { optimizer: SGD; schedule: LRScheduler } => {
    const optimizer = new SGD([{ params: [ones([1])] }, { params: [ones([2])], lr: 0.01 }], { lr: 0.1, momentum: 0.9 });
    return { optimizer, schedule: make(optimizer) };
  };
  const rates = ({ optimizer, schedule }: ReturnType<typeof start>): number[][] => Array.from({ length: 8 }, () => {
    schedule.step();
    return optimizer.paramGroups.flatMap(({ lr, momentum }) => [lr, momentum]);
  });
  const whole = start();
  rates(whole);
  const path = join(folder, `${name}.safetensors`);
  await saveCheckpoint(path, { optimizer: whole.optimizer.stateDict(), schedule: whole.schedule.stateDict() });
  const saved = await loadCheckpoint(path);
  const resumed = start();
  resumed.optimizer.loadStateDict(saved.optimizer);
  resumed.schedule.loadStateDict(saved.schedule);
  expect(resumed.schedule.stateDict()).toEqual(whole.schedule.stateDict());
  expect(rates(resumed)).toEqual(rates(whole));
});

const x = ones([2], { requiresGrad: true });
const y = ones([3], { requiresGrad: true });
const stateOf = (held: object, settings: object = {}): OptimizerState => ({ state: { 0: held }, param_groups: [{ ...settings, params: [0] }] }) as OptimizerState;

test.each([
  ['other groups to load', () => new SGD([x]).loadStateDict(new SGD([{ params: x }, { params: y }]).stateDict()), 'state_dict', 'loaded state dict has a different number of parameter groups'],
  ['another group to load', () => new SGD([x]).loadStateDict(new SGD([x, y]).stateDict()), 'state_dict', "doesn't match the size of optimizer's group"],
  ['state of another shape', () => {
    const saved: OptimizerState = { state: { 0: { momentum_buffer: ones([3]) } }, param_groups: [{ params: [0] }] };
    new SGD([x]).loadStateDict(saved);
  }, 'state_dict', 'momentum_buffer of parameter 0, whose shape is 2, has shape 3 in the loaded state dict'],
  ['no state', () => new SGD([x]).loadStateDict(undefined as never), 'state_dict', 'what its stateDict() gave, { state, param_groups }, got undefined'],
  ['a state of groups alone', () => new SGD([x]).loadStateDict({ param_groups: [{ params: [0] }] } as never), 'state_dict', '{ state, param_groups }, got an object'],
  ['a group that is none', () => new SGD([x]).loadStateDict({ state: {}, param_groups: [null] } as never), 'state_dict', 'group 0 has 0 parameters'],
  ['no state for a parameter', () => new Adam([x]).loadStateDict({ state: { 0: null }, param_groups: [{ params: [0] }] } as never), 'state_dict', 'parameter 0 has null for its state'],
  ['steps of text', () => new Adam([x]).loadStateDict({ state: { 0: { step: 'x' } }, param_groups: [{ params: [0] }] } as never), 'state_dict', "step of parameter 0 is the string 'x'"],
  ['steps below none', () => new Adam([x]).loadStateDict({ state: { 0: { step: -1 } }, param_groups: [{ params: [0] }] }), 'state_dict', 'step of parameter 0 is the number -1'],
  ['state that went through JSON', () => {
    const param = ones([2], { requiresGrad: true });
    param.grad = ones([2]);
    const trained = new Adam([param]);
    trained.step();
    new Adam([x]).loadStateDict(JSON.parse(JSON.stringify(trained.stateDict())));
  }, 'state_dict', 'exp_avg of parameter 0 is an object, neither tensor nor number nor null, in the loaded state dict: JSON keeps no tensors, saveCheckpoint and loadCheckpoint do'],
  ['a tensor of the state as a list', () => new SGD([x]).loadStateDict(stateOf({ momentum_buffer: [0, 0] }, { momentum: 0.9 })), 'state_dict', 'momentum_buffer of parameter 0 is a list, neither'],
  ['a tensor of the state as text', () => new Adam([x]).loadStateDict(stateOf({ step: 1, exp_avg: ones([2]), exp_avg_sq: 'x' })), 'state_dict', "exp_avg_sq of parameter 0 is the string 'x'"],
  ['averages that are missing', () => new Adam([x]).loadStateDict(stateOf({ step: 3 })), 'state_dict', 'parameter 0 lacks exp_avg, from which this optimizer goes on, in the loaded state dict'],
  ['one average that is missing', () => new AdamW([x]).loadStateDict(stateOf({ step: tensor(3), exp_avg: ones([2]) })), 'state_dict', 'parameter 0 lacks exp_avg_sq'],
  ['an average that is null', () => new AdamW([x]).loadStateDict(stateOf({ step: 3, exp_avg: null, exp_avg_sq: ones([2]) })), 'state_dict', 'parameter 0 lacks exp_avg,'],
  ['the largest average that is missing', () => new Adam([x]).loadStateDict(stateOf({ step: 3, exp_avg: ones([2]), exp_avg_sq: ones([2]) }, { amsgrad: true })), 'state_dict', 'parameter 0 lacks max_exp_avg_sq'],
  ['steps that are missing', () => new Adam([x]).loadStateDict(stateOf({ exp_avg: ones([2]), exp_avg_sq: ones([2]) })), 'state_dict', 'parameter 0 lacks step,'],
  ['momentum of another optimizer', () => new SGD([x], { momentum: 0.9 }).loadStateDict(stateOf({ step: 1, exp_avg: ones([2]) })), 'state_dict', 'parameter 0 lacks momentum_buffer'],
  ['momentum that is a number', () => new SGD([x]).loadStateDict(stateOf({ momentum_buffer: 0 }, { momentum: 0.9 })), 'state_dict', 'parameter 0 lacks momentum_buffer'],
  ['the state of no schedule', () => new StepLR(new SGD([x]), { stepSize: 1 }).loadStateDict(undefined as never), 'state_dict', 'a schedule loads what its stateDict() gave, got undefined'],
  ['a setting of another type', () => new SGD([x]).loadStateDict({ state: {}, param_groups: [{ lr: 'high', params: [0] }] }), 'state_dict', "lr of a loaded group is the string 'high'"],
  ['the state of another schedule', () => {
    const optimizer = new SGD([x]);
    new StepLR(optimizer, { stepSize: 1 }).loadStateDict(new CosineAnnealingLR(optimizer, { tMax: 2 }).stateDict());
  }, 'state_dict', 'has undefined for step_size'],
] as const)('%s is refused', (_, run, code, words) => {
  const error = refusal(run);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});

test('state before the first step may be null, or not there', () => {
  const optimizer = new SGD([x], { momentum: 0.9 });
  optimizer.loadStateDict(stateOf({ momentum_buffer: null as never }));
  expect(optimizer.stateDict().state).toEqual({});
  const adam = new Adam([x]);
  adam.loadStateDict(stateOf({ step: 0 }));
  expect(adam.stateDict().state).toEqual({ 0: { step: 0 } });
});

test('state that is refused leaves the optimizer and the memory as they were', () => {
  const optimizer = new Adam([x], { lr: 1 });
  const disposed = ones([2]);
  disposed.dispose();
  const saved = { state: { 0: { step: 1, exp_avg: ones([2]), exp_avg_sq: disposed } }, param_groups: [{ lr: 2, params: [0] }] };
  const before = memory().tensors;
  expect(refusal(() => optimizer.loadStateDict(saved)).code).toBe('disposed');
  expect([memory().tensors, optimizer.paramGroups[0]?.lr, optimizer.stateDict().state]).toEqual([before, 1, {}]);
});

test.each([[0.3, true], [0.25, false]])('PyTorch\'s own one-cycle goes on: pctStart %s, threePhase %s', (pctStart, threePhase) => {
  const first = oneCycle({ totalSteps: 12, pctStart, threePhase, annealStrategy: 'linear' });
  ratesOf(first, 2);
  const { last_epoch, base_lrs, total_steps, cycle_momentum, _last_lr } = first.stateDict();
  const ends = [pctStart * 12 - 1, ...(threePhase ? [2 * pctStart * 12 - 2] : []), 11];
  const phases = ends.map((end_step) => ({ end_step, start_lr: 'initial_lr', end_lr: 'max_lr' }));
  const common = { last_epoch, base_lrs, total_steps, cycle_momentum, _last_lr };
  const saved = { ...common, _schedule_phases: phases, _anneal_func_type: 'linear', use_beta1: true, _step_count: 3 };
  const second = oneCycle({ totalSteps: 7 });
  second.loadStateDict(saved);
  expect(ratesOf(second, 9)).toEqual(ratesOf(first, 9).map((lr) => expect.closeTo(lr, 12)));
  const other = oneCycle({ totalSteps: 12, maxLr: 1 });
  expect(() => other.loadStateDict(saved)).toThrow('began at 0.004, and this one at 0.04');
});

function oneCycle(options: Partial<OneCycleLROptions>): OneCycleLR {
  return new OneCycleLR(new AdamW([ones([2])]), { maxLr: 0.1, ...options });
}

function ratesOf(schedule: OneCycleLR, count: number): number[] {
  return Array.from({ length: count }, () => {
    schedule.step();
    return schedule.getLastLr()[0] ?? NaN;
  });
}
