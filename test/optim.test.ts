// Optimizers, schedules and limits on gradients against PyTorch's, every parameter after every step, stored by
// optim/generate.py.
import {
  Adam, AdamW, backends, BatchNorm1d, clipGradNorm_, clipGradValue_, CosineAnnealingLR, crossEntropy, full, LayerNorm, Linear,
  LinearLR, memory, Module, noDecay, OneCycleLR, ones, Sequential, SGD, StepLR, Tanh, tensor, useBackend, zeros,
  type LRScheduler, type Scheduled, type SGDOptions, type Tensor,
} from 'evenkeel';
import { afterEach, describe, expect, test } from 'vitest';
import { GRN } from '../src/nn/grn.js';
import { Parameter } from '../src/nn/parameter.js';
import { closeness } from './closeness.js';
import { expected, expectNear, singles } from './optim/stored.js';
import { refusal } from './refusal.js';

const inUse = useBackend('reference');
useBackend(inUse);
afterEach(() => {
  useBackend(inUse);
});

const places = [...backends().map((backend) => [backend, 'float32'] as const), ['reference', 'float64'] as const];

type Made = Scheduled & Pick<SGD, 'step' | 'stateDict' | 'loadStateDict'>;
type Make = (a: Tensor, b: Tensor, c: Tensor) => Made;

const optimizers: Readonly<Record<string, Make>> = {
  'SGD([a, b, c], lr=0.1)': (...all) => new SGD(all, { lr: 0.1 }),
  'SGD([a, b, c], lr=0.1, momentum=0.9)': (...all) => new SGD(all, { lr: 0.1, momentum: 0.9 }),
  'SGD([a, b, c], lr=0.05, momentum=0.9, dampening=0.3)': (...all) => new SGD(all, { lr: 0.05, momentum: 0.9, dampening: 0.3 }),
  'SGD([a, b, c], lr=0.05, momentum=0.8, nesterov=True)': (...all) => new SGD(all, { lr: 0.05, momentum: 0.8, nesterov: true }),
  'SGD([a, b, c], lr=0.1, weight_decay=0.2)': (...all) => new SGD(all, { lr: 0.1, weightDecay: 0.2 }),
  'SGD([a, b, c], lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05, maximize=True)': (...all) =>
    new SGD(all, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.05, maximize: true }),
  'SGD([a, b, c], lr=0.1, maximize=True)': (...all) => new SGD(all, { lr: 0.1, maximize: true }),
  'SGD([dict(params=[a], lr=0.3), dict(params=[c, b], momentum=0.5, weight_decay=0.1)], lr=0.01)': (a, b, c) =>
    new SGD([{ params: a, lr: 0.3 }, { params: [c, b], momentum: 0.5, weightDecay: 0.1 }], { lr: 0.01 }),
  'Adam([a, b, c], lr=0.001)': (...all) => new Adam(all),
  'Adam([a, b, c], lr=0.1, betas=(0.8, 0.95), eps=0.01)': (...all) => new Adam(all, { lr: 0.1, betas: [0.8, 0.95], eps: 0.01 }),
  'Adam([a, b, c], lr=0.05, weight_decay=0.3)': (...all) => new Adam(all, { lr: 0.05, weightDecay: 0.3 }),
  'Adam([a, b, c], lr=0.05, amsgrad=True, betas=(0.5, 0.6))': (...all) => new Adam(all, { lr: 0.05, amsgrad: true, betas: [0.5, 0.6] }),
  'Adam([a, b, c], lr=0.05, amsgrad=True, weight_decay=0.1, maximize=True)': (...all) =>
    new Adam(all, { lr: 0.05, amsgrad: true, weightDecay: 0.1, maximize: true }),
  'AdamW([a, b, c], lr=0.001)': (...all) => new AdamW(all),
  'AdamW([a, b, c], lr=0.1, weight_decay=0.5, amsgrad=True, betas=(0.5, 0.6))': (...all) =>
    new AdamW(all, { lr: 0.1, weightDecay: 0.5, amsgrad: true, betas: [0.5, 0.6] }),
  'AdamW([dict(params=[a], lr=0.2, weight_decay=0.4), dict(params=[b], weight_decay=0), dict(params=[c])], lr=0.05)': (a, b, c) =>
    new AdamW([{ params: [a], lr: 0.2, weightDecay: 0.4 }, { params: [b], weightDecay: 0 }, { params: [c] }], { lr: 0.05 }),
  'AdamW([a, b, c], lr=0.05, maximize=True)': (...all) => new AdamW(all, { lr: 0.05, maximize: true }),
  'AdamW([dict(params=[a]), dict(params=[b, c], lr=0.02)], lr=0.5)': (a, b, c) => new AdamW([{ params: a }, { params: [b, c], lr: 0.02 }], { lr: 0.5 }),
};

function made(text: string, params: readonly Tensor[]): Made {
  const make = optimizers[text];
  const [a, b, c] = params;
  if (make === undefined || a === undefined || b === undefined || c === undefined) throw new Error(`no optimizer ${text}`);
  return make(a, b, c);
}

const startsIn = (dtype: 'float32' | 'float64'): Tensor[] =>
  expected.starts.map((text, i) => tensor(singles(text), expected.shapes[i], { dtype, requiresGrad: true }));

function giveGradients(params: readonly Tensor[], step: number, gaps = false): void {
  params.forEach((param, i) => {
    const isGap = gaps && i === 1 && expected.gaps.includes(step);
    param.grad = isGap ? null : tensor(singles(expected.gradients[step]?.[i] ?? ''), param.shape, { dtype: param.dtype });
  });
}

const spelled = (gaps: boolean): string => (gaps ? 'with gaps' : '');

describe.each(places)('%s %s', (backend, dtype) => {
  test.each(expected.optimizers.map((row) => ({ ...row, also: spelled(row.gaps) })))('$optimizer $also', ({ optimizer: text, gaps, after }) => {
    useBackend(backend);
    const params = startsIn(dtype);
    let optimizer = made(text, params);
    after.forEach((values, step) => {
      giveGradients(params, step, gaps);
      const versions = params.map(({ storage }) => storage.version);
      optimizer.step();
      params.forEach((param, i) => {
        expectNear(`parameter ${i} after step ${step}`, param, values[i] ?? '');
        expect(param.storage.version - versions[i]!).toBe(param.grad === null ? 0 : 1);
      });
      if (step !== 4) return;
      // The others are made by an optimizer that resumes.
      const saved = optimizer.stateDict();
      optimizer = made(text, params);
      optimizer.paramGroups.forEach((group) => (group.lr = 77));
      optimizer.loadStateDict(saved);
      expect(optimizer.stateDict().param_groups).toEqual(saved.param_groups);
    });
  });

  test('a network with all that takes part in a step', () => {
    useBackend(backend);
    const { state, x, labels, steps } = expected.training;
    const model = new Sequential(new Linear(4, 5), new LayerNorm(5), new Tanh(), new Linear(5, 3)).to(dtype);
    const shapes = new Map(model.namedParameters().map(([key, { shape }]) => [key, shape]));
    model.loadStateDict(new Map(Object.entries(state).map(([key, text]) => [key, tensor(singles(text), shapes.get(key), { dtype })])));
    const optimizer = new AdamW(noDecay(model), { lr: 0.05, weightDecay: 0.1 });
    const cycle = new OneCycleLR(optimizer, { maxLr: 0.05, totalSteps: steps.length });
    steps.forEach((row, step) => {
      optimizer.zeroGrad();
      const images = tensor(singles(x).subarray(step * 24, (step + 1) * 24), [6, 4], { dtype });
      const loss = crossEntropy(model.forward(images), tensor(labels.slice(step * 6, (step + 1) * 6), { dtype: 'int64' }), { labelSmoothing: 0.1 });
      loss.backward();
      expect(loss.item()).toBeCloseTo(row.loss, 5);
      expect(clipGradNorm_(model.parameters(), 0.5)).toBeCloseTo(row.norm, 5);
      optimizer.step();
      cycle.step();
      cycle.getLastLr().forEach((lr, i) => expect(lr).toBeCloseTo(row.lr[i] ?? NaN, 14));
      for (const [key, parameter] of model.namedParameters()) expectNear(`${key} after step ${step}`, parameter, row.after[key] ?? '');
    });
  });

  test.each(expected.clips)('gradients of norm $normType within $maxNorm', ({ normType, maxNorm, total, after }) => {
    useBackend(backend);
    const params = startsIn(dtype);
    giveGradients(params, 0);
    const norm = clipGradNorm_(new Set(params), maxNorm, { normType: normType === 'inf' ? Infinity : normType });
    expect(Math.abs(norm / total - 1)).toBeLessThan(1e-6);
    params.forEach(({ grad }, i) => expectNear(`gradient ${i}`, grad, after[i] ?? ''));
  });

  test('limits of each element', () => {
    useBackend(backend);
    const x = zeros([4], { dtype, requiresGrad: true });
    x.grad = tensor([-3, -0.5, 0.25, NaN], { dtype });
    clipGradValue_([x, zeros([2])], 0.5);
    expect(x.grad.toArray()).toEqual([-0.5, -0.5, 0.25, NaN]);
  });

  test('a step leaves as many tensors as the state has', () => {
    useBackend(backend);
    const params = startsIn(dtype);
    giveGradients(params, 0);
    const optimizer = new Adam(params, { amsgrad: true });
    const before = memory().tensors;
    for (let i = 0; i < 3; i++) optimizer.step();
    expect(memory().tensors).toBe(before + 3 * params.length);
  });
});

type Schedules = Readonly<Record<string, (optimizer: Scheduled) => LRScheduler>>;
const schedules: Schedules = {
  'StepLR(optimizer, 3, gamma=0.5)': (optimizer) => new StepLR(optimizer, { stepSize: 3, gamma: 0.5 }),
  'StepLR(optimizer, 1)': (optimizer) => new StepLR(optimizer, { stepSize: 1 }),
  'CosineAnnealingLR(optimizer, 5)': (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 5 }),
  'CosineAnnealingLR(optimizer, 4)': (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 4 }),
  'CosineAnnealingLR(optimizer, 7, eta_min=0.001)': (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 7, etaMin: 0.001 }),
  'CosineAnnealingLR(optimizer, 6, eta_min=0.001)': (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 6, etaMin: 0.001 }),
  'CosineAnnealingLR(optimizer, 1, eta_min=0.01)': (optimizer) => new CosineAnnealingLR(optimizer, { tMax: 1, etaMin: 0.01 }),
  'LinearLR(optimizer)': (optimizer) => new LinearLR(optimizer),
  'LinearLR(optimizer, total_iters=4)': (optimizer) => new LinearLR(optimizer, { totalIters: 4 }),
  'LinearLR(optimizer, start_factor=0.1, end_factor=0.7, total_iters=4)': (optimizer) =>
    new LinearLR(optimizer, { startFactor: 0.1, endFactor: 0.7, totalIters: 4 }),
  'OneCycleLR(optimizer, max_lr=0.3, total_steps=20)': (optimizer) => new OneCycleLR(optimizer, { maxLr: 0.3, totalSteps: 20 }),
  'OneCycleLR(optimizer, max_lr=0.3, epochs=3, steps_per_epoch=7, pct_start=0.1)': (optimizer) =>
    new OneCycleLR(optimizer, { maxLr: 0.3, epochs: 3, stepsPerEpoch: 7, pctStart: 0.1 }),
  "OneCycleLR(optimizer, max_lr=0.3, total_steps=15, anneal_strategy='linear', cycle_momentum=False)": (optimizer) =>
    new OneCycleLR(optimizer, { maxLr: 0.3, totalSteps: 15, annealStrategy: 'linear', cycleMomentum: false }),
  'OneCycleLR(optimizer, max_lr=[0.3, 0.1], total_steps=23, three_phase=True, base_momentum=[0.8, 0.7], max_momentum=0.9)': (optimizer) =>
    new OneCycleLR(optimizer, { maxLr: [0.3, 0.1], totalSteps: 23, threePhase: true, baseMomentum: [0.8, 0.7], maxMomentum: 0.9 }),
  "OneCycleLR(optimizer, max_lr=1, total_steps=12, anneal_strategy='linear', div_factor=10, final_div_factor=100)": (optimizer) =>
    new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 12, annealStrategy: 'linear', divFactor: 10, finalDivFactor: 100 }),
  'OneCycleLR(optimizer, max_lr=1, total_steps=1)': (optimizer) => new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 1 }),
};

test.each(expected.schedules)('$schedules', ({ optimizer: text, schedules: texts, groups }) => {
  const start = (): { optimizer: Made; running: LRScheduler[] } => {
    const optimizer = made(text, startsIn('float32'));
    const running = texts.map((each) => {
      const make = schedules[each];
      if (make === undefined) throw new Error(`no schedule ${each}`);
      return make(optimizer);
    });
    return { optimizer, running };
  };
  let { optimizer, running } = start();
  groups.forEach((row, step) => {
    if (step > 0) for (const schedule of running) schedule.step();
    optimizer.paramGroups.forEach((group, i) => {
      const [lr = NaN, momentum = NaN] = row[i] ?? [];
      const own = group.betas?.[0] ?? group.momentum ?? NaN;
      expect([step, closeness(Float64Array.of(group.lr, own), Float64Array.of(lr, momentum), { rtol: 1e-12, atol: 0 })]).toEqual([step, null]);
    });
    expect(running.at(-1)?.getLastLr()).toEqual(optimizer.paramGroups.map(({ lr }) => lr));
    if (step !== 2) return;
    const [saved, states] = [optimizer.stateDict(), running.map((schedule) => schedule.stateDict())];
    expect(states.map((state) => state['last_epoch'])).toEqual(states.map(() => 2));
    ({ optimizer, running } = start());
    optimizer.loadStateDict(saved);
    running.forEach((schedule, i) => schedule.loadStateDict(structuredClone(states[i] ?? {})));
  });
});

test('every row has its optimizer and schedule', () => {
  expect(new Set([...expected.optimizers, ...expected.schedules].map((row) => row.optimizer))).toEqual(new Set(Object.keys(optimizers)));
  expect(new Set(expected.schedules.flatMap((row) => row.schedules))).toEqual(new Set(Object.keys(schedules)));
});

test('a rate that the caller sets lasts through a schedule of steps', () => {
  const optimizer = new SGD([ones([1])], { lr: 1 });
  const schedule = new StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
  schedule.step();
  optimizer.paramGroups[0]!.lr = 3;
  schedule.step();
  expect(schedule.getLastLr()).toEqual([1.5]);
});

test('state under PyTorch\'s keys', () => {
  const [a, b] = [ones([2], { requiresGrad: true }), ones([1], { requiresGrad: true })];
  a.grad = tensor([1, -1]);
  const optimizer = new AdamW([{ params: [a] }, { params: b, lr: 0.5 }]);
  optimizer.step();
  const saved = optimizer.stateDict();
  expect(Object.keys(saved.state)).toEqual(['0']);
  expect(Object.keys(saved.state['0'] ?? {})).toEqual(['step', 'exp_avg', 'exp_avg_sq']);
  expect(saved.state['0']?.['step']).toBe(1);
  const common = { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.01, amsgrad: false, maximize: false };
  expect(saved.param_groups).toEqual([{ lr: 0.001, ...common, params: [0] }, { lr: 0.5, ...common, params: [1] }]);
  a.grad = tensor([2, 0]);
  b.grad = tensor([2]);
  const momentum = new SGD([a, b], { momentum: 0.9 });
  momentum.step();
  expect(momentum.stateDict().state['1']).toEqual({ momentum_buffer: expect.objectContaining({ shape: [1] }) });
});

test('PyTorch\'s own state is taken over: steps in tensors, settings that are not ours', () => {
  const x = ones([2], { requiresGrad: true });
  const optimizer = new Adam([x]);
  optimizer.loadStateDict({
    state: { 7: { step: tensor(3), exp_avg: tensor([0.5, 0.25], { dtype: 'float64' }), exp_avg_sq: ones([2]) } },
    param_groups: [{ lr: 0.25, betas: [0.5, 0.5], foreach: null, fused: null, params: [7] }],
  });
  expect(optimizer.paramGroups).toEqual([expect.objectContaining({ lr: 0.25, betas: [0.5, 0.5], eps: 1e-8, params: [x] })]);
  const { step, exp_avg: average } = optimizer.stateDict().state['0'] ?? {};
  expect([step, String(average)]).toEqual([3, String(tensor([0.5, 0.25]))]);
});

test('noDecay: norms of any rank, biases and vectors', () => {
  class Block extends Module {
    readonly scale = new Parameter(ones([3]));
    readonly table = new Parameter(ones([4, 3]));
    readonly frozen = new Parameter(ones([4, 3]), { requiresGrad: false });
    readonly fc = new Linear(3, 3);
    readonly norm = new LayerNorm([2, 3]);
    readonly bn = new BatchNorm1d(3);
    readonly grn = new GRN(3);
    readonly again = this.fc;

    forward(): void {}
  }
  const block = new Block();
  const keys = new Map(block.namedParameters().map(([key, parameter]) => [parameter, key]));
  const [decayed, kept] = noDecay(block);
  expect(decayed.params.map((parameter) => keys.get(parameter as Parameter))).toEqual(['table', 'fc.weight']);
  expect(kept.params.map((parameter) => keys.get(parameter as Parameter))).toEqual([
    'scale', 'fc.bias', 'norm.weight', 'norm.bias', 'bn.weight', 'bn.bias', 'grn.gamma', 'grn.beta',
  ]);
  expect(new AdamW(noDecay(block), { weightDecay: 0.3 }).paramGroups.map(({ weightDecay }) => weightDecay)).toEqual([0.3, 0]);
});

test('norms that no float32 sum holds', () => {
  const x = zeros([2], { requiresGrad: true });
  x.grad = tensor([3e30, 4e30]);
  expect(clipGradNorm_(x, 1) / 5e30).toBeCloseTo(1, 6);
  expect(x.grad.toArray()).toEqual([expect.closeTo(0.6, 5), expect.closeTo(0.8, 5)]);
  const wide = zeros([2], { dtype: 'float64', requiresGrad: true });
  for (const scale of [1e200, 1e-200]) {
    wide.grad = tensor([3 * scale, 4 * scale], { dtype: 'float64' });
    expect(clipGradNorm_([wide], 1e300) / scale).toBeCloseTo(5, 12);
  }
  expect(clipGradNorm_([ones([2])], 1)).toBe(0);
  x.grad = tensor([Infinity, 1]);
  expect([clipGradNorm_(x, 1), x.grad.toArray()]).toEqual([Infinity, [NaN, 0]]);
  x.grad = tensor([NaN, 1]);
  expect([clipGradNorm_(x, 1), x.grad.toArray()]).toEqual([NaN, [NaN, NaN]]);
});

test('what the tape saved is seen to have changed', () => {
  const x = tensor([2], { requiresGrad: true });
  const y = x.mul(x);
  x.grad = tensor([1]);
  new SGD([x]).step();
  expect(refusal(() => y.backward()).code).toBe('modified');
});

test('a thawed part joins with settings of its own', () => {
  const optimizer = new SGD([ones([1])], { lr: 0.5 });
  optimizer.addParamGroup({ params: [ones([2])], lr: 0.125, momentum: 0.5 });
  expect(optimizer.paramGroups.map(({ lr, momentum }) => [lr, momentum])).toEqual([[0.5, 0], [0.125, 0.5]]);
});

const x = ones([2], { requiresGrad: true });
const y = full([3], 2, { requiresGrad: true });
const sgd = (options: SGDOptions) => (): unknown => new SGD([x], options);
const disposed = ones([1]);
disposed.dispose();
const withGradient = (): Tensor => {
  const made = ones([2], { requiresGrad: true });
  made.grad = ones([2]);
  return made;
};

test.each([
  ['a negative rate', sgd({ lr: -1 }), 'argument', 'Invalid learning rate: -1'],
  ['a rate that is NaN', sgd({ lr: NaN }), 'argument', 'Invalid learning rate: NaN'],
  ['a negative momentum', sgd({ momentum: -0.5 }), 'argument', 'Invalid momentum value: -0.5'],
  ['a negative decay', sgd({ weightDecay: -1 }), 'argument', 'Invalid weight_decay value: -1'],
  ['nesterov without momentum', sgd({ nesterov: true }), 'argument', 'Nesterov momentum requires a momentum and zero dampening'],
  ['nesterov with dampening', sgd({ nesterov: true, momentum: 0.9, dampening: 0.1 }), 'argument', 'Nesterov momentum requires a momentum and zero dampening'],
  ['an option by its Python name', sgd({ weight_decay: 1 } as SGDOptions), 'argument', 'did you mean weightDecay?'],
  ['a beta of 1', () => new Adam([x], { betas: [0.9, 1] }), 'argument', 'Invalid beta parameter at index 1: 1'],
  ['a negative beta', () => new AdamW([x], { betas: [-0.1, 0.9] }), 'argument', 'Invalid beta parameter at index 0: -0.1'],
  ['a negative eps', () => new Adam([x], { eps: -1 }), 'argument', 'Invalid epsilon value: -1'],
  ['no parameters', () => new SGD([]), 'argument', 'optimizer got an empty parameter list'],
  ['one tensor', () => new SGD(x as unknown as Tensor[]), 'argument', 'params argument given to the optimizer should be an iterable of Tensors or dicts'],
  ['what is no tensor', () => new SGD([x, 'weight' as unknown as Tensor]), 'argument', 'optimizer can only optimize Tensors, but one of the params is the string'],
  ['a tensor among groups', () => new SGD([{ params: x }, y as never]), 'argument', 'some of params are groups'],
  ['a result', () => new SGD([x.mul(2)]), 'graph', "can't optimize a non-leaf Tensor"],
  ['a tensor in two groups', () => new SGD([{ params: x }, { params: [y, x] }]), 'argument', 'some parameters appear in more than one parameter group'],
  ['a tensor twice in one', () => new SGD([x, y, x]), 'argument', 'duplicate parameters'],
  ['a disposed tensor', () => new SGD([disposed]), 'disposed', 'parameter 0 of its group, 1 was disposed'],
  ['an unknown setting of a group', () => new SGD([{ params: x, rate: 1 } as never]), 'argument', 'no option rate'],
  ['a setting made one out of range', () => {
    const optimizer = new SGD([x], { lr: 1 });
    optimizer.paramGroups[0]!.lr = NaN;
    optimizer.step();
  }, 'argument', 'Invalid learning rate: NaN'],
  ['a gradient of another backend', () => {
    const far = useBackend('reference');
    const gradient = ones([2]);
    useBackend('wasm');
    const near = ones([2], { requiresGrad: true });
    useBackend(far);
    near.grad = gradient;
    new SGD([near]).step();
  }, 'backend', 'Expected all tensors to be on the same device'],
  ['a step after model.to(), though the new parameters have gradients', () => {
    const layer = new Linear(2, 1);
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    layer.to('float64');
    layer.forward(ones([1, 2], { dtype: 'float64' })).sum().backward();
    optimizer.step();
  }, 'disposed', 'parameter 0 of its group, 1 × 2 was disposed'],
  ['a norm that is not finite', () => {
    const param = withGradient();
    param.grad = tensor([NaN, 1]);
    clipGradNorm_(param, 1, { errorIfNonfinite: true });
  }, 'argument', 'The total norm of order 2 for gradients from `parameters` is non-finite, so it cannot be clipped'],
  ['a norm of order 0', () => clipGradNorm_([withGradient()], 1, { normType: 0 }), 'argument', 'normType is a number above 0'],
  ['what is no parameter', () => clipGradNorm_([1 as unknown as Tensor], 1), 'argument', 'clipGradNorm_ takes tensors, got the number 1'],
  ['a model for its parameters', () => clipGradValue_(new Linear(1, 1) as unknown as Tensor, 1), 'argument', 'clipGradValue_ takes tensors, got a Linear: give model.parameters()'],
  ['a schedule of no optimizer', () => new StepLR({ paramGroups: [] }, { stepSize: 1 }), 'argument', 'is not an Optimizer'],
  ['steps of none', () => new StepLR(new SGD([x]), { stepSize: 0 }), 'size', 'step_size must be a whole number from 1'],
  ['a cosine without its length', () => new CosineAnnealingLR(new SGD([x]), {} as { tMax: number }), 'argument', 'CosineAnnealingLR needs the option tMax: give { tMax: ... }'],
  ['a cosine of no length', () => new CosineAnnealingLR(new SGD([x]), { tMax: 0 }), 'size', 'T_max must be a whole number from 1, got 0'],
  ['a length by its place, as in Python', () => new StepLR(new SGD([x]), 30 as never), 'argument', 'StepLR takes its options as an object, such as { stepSize: ... }; got 30'],
  ['a cycle without its height', () => new OneCycleLR(new SGD([x]), { totalSteps: 9 } as never), 'argument', 'OneCycleLR needs the option maxLr'],
  ['a warm-up from nothing', () => new LinearLR(new SGD([x]), { startFactor: 0 }), 'argument', 'Starting multiplicative factor expected to be greater than 0'],
  ['a cycle of no length', () => new OneCycleLR(new SGD([x]), { maxLr: 1 }), 'argument', 'You must define either total_steps OR (epochs AND steps_per_epoch)'],
  ['a cycle of a broken length', () => new OneCycleLR(new SGD([x]), { maxLr: 1, totalSteps: 2.5 }), 'argument', 'Expected positive integer total_steps, but got 2.5'],
  ['rates for other groups', () => new OneCycleLR(new SGD([x]), { maxLr: [1, 2], totalSteps: 9 }), 'argument', 'max_lr must have the same length as optimizer.param_groups. max_lr has 2 values, param_groups has 1.'],
  ['a share above 1', () => new OneCycleLR(new SGD([x]), { maxLr: 1, totalSteps: 9, pctStart: 2 }), 'argument', 'Expected float between 0 and 1 pct_start, but got 2'],
  ['a rise of no steps', () => new OneCycleLR(new SGD([x]), { maxLr: 1, totalSteps: 4, pctStart: 0.25 }), 'argument', 'float division by zero'],
  ['another strategy', () => new OneCycleLR(new SGD([x]), { maxLr: 1, totalSteps: 9, annealStrategy: 'exp' as 'cos' }), 'argument', "anneal_strategy must be one of 'cos' or 'linear', instead got exp"],
] as const)('%s is refused', (_, run, code, words) => {
  const error = refusal(run);
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
});

test('a step past the end of a cycle is refused and leaves all as it was', () => {
  const optimizer = new Adam([x], { lr: 1 });
  const schedule = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 3 });
  for (let i = 0; i < 3; i++) schedule.step();
  const before = JSON.stringify([schedule.stateDict(), optimizer.stateDict()]);
  expect(refusal(() => schedule.step()).message).toContain('Tried to step 4 times. The specified number of total steps is 3');
  expect(JSON.stringify([schedule.stateDict(), optimizer.stateDict()])).toBe(before);
});

test('a group that joins a cycle keeps its rate and momentum', () => {
  const optimizer = new SGD([ones([1])], { lr: 1, momentum: 0.9 });
  const cycle = new OneCycleLR(optimizer, { maxLr: 1, totalSteps: 10 });
  optimizer.addParamGroup({ params: ones([1]), lr: 0.5, momentum: 0.75 });
  cycle.step();
  expect(optimizer.paramGroups[1]).toMatchObject({ lr: 0.5, momentum: 0.75 });
});

test('what is refused has moved nothing', () => {
  const [first, second] = [withGradient(), withGradient()];
  const optimizer = new SGD([first, second], { lr: 1 });
  second.dispose();
  expect(refusal(() => optimizer.step()).code).toBe('disposed');
  expect(first.toArray()).toEqual([1, 1]);
});
