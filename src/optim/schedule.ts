// Schedules of the learning rate: their base, and those that go by the rate of the step before. May import errors, nn and
// optimizer.

import { KeelError, showGiven } from '../errors.js';
import { checkCount, checkNumber, optionsOf } from '../nn/check.js';
import { snakeCase } from '../nn/module.js';
import { Optimizer } from './optimizer.js';

/** As much of an optimizer as a schedule sees. */
export interface Scheduled {
  readonly paramGroups: ScheduledGroup[];
}

/** As much of a group as a schedule reads and writes. */
export interface ScheduledGroup {
  lr: number;
  initialLr?: number;
  momentum?: number;
  betas?: readonly [number, number];
}

/** What {@link LRScheduler.stateDict} gives. */
export type ScheduleState = Readonly<Record<string, unknown>>;

/**
 * Base of the schedules: `step()`, once after each epoch or batch, sets `lr` of every group. A schedule starts when it is
 * made, from the `lr` that the groups had before any other schedule.
 *
 * @see https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
 * @example
 * const schedule = new CosineAnnealingLR(optimizer, { tMax: 10 });
 * optimizer.step();
 * schedule.step();
 * schedule.getLastLr();
 */
export abstract class LRScheduler {
  /** Steps so far. */
  lastEpoch = 0;
  /** The rate of each group at the start. */
  baseLrs: number[];
  protected readonly optimizer: Scheduled;
  protected lastLr: number[];

  /** @throws KeelError [argument] for what is no optimizer. */
  constructor(optimizer: Scheduled) {
    if (!(optimizer instanceof Optimizer)) {
      const message = `${showGiven(optimizer)} is not an Optimizer: make one, as new SGD(model.parameters())`;
      throw new KeelError('argument', message, { optimizer });
    }
    this.optimizer = optimizer;
    this.baseLrs = this.groups.map(({ lr, initialLr = lr }) => initialLr);
    this.lastLr = this.groups.map(({ lr }) => lr);
  }

  /** The rates after `epoch` steps, from those after one less. */
  protected abstract ratesAt(epoch: number): number[];

  protected get groups(): ScheduledGroup[] {
    return this.optimizer.paramGroups;
  }

  /** Once all options are checked: the groups keep what they started from, and get the first rates. */
  protected begin(rates: readonly number[] = this.lastLr): void {
    this.groups.forEach((group, i) => {
      group.initialLr = this.baseLrs[i] ?? group.lr;
    });
    this.set(rates);
  }

  /** Sets the rates of the next epoch or batch. */
  step(): void {
    this.set(this.ratesAt(this.lastEpoch + 1));
    this.lastEpoch += 1;
  }

  private set(rates: readonly number[]): void {
    this.groups.forEach((group, i) => {
      group.lr = rates[i] ?? group.lr;
    });
    this.lastLr = this.groups.map(({ lr }) => lr);
  }

  /** The rate of each group that was set last. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** All that the schedule knows but the optimizer, under PyTorch's keys. The optimizer's own state holds the rates. */
  stateDict(): ScheduleState {
    return Object.fromEntries(this.#fields().map(([name, value]) => [keyOf(name), value] as const));
  }

  /**
   * Goes on where another schedule of this kind was; the optimizer's state is loaded beside it.
   *
   * @throws KeelError [state_dict] for a key that is missing or of another type; nothing has been taken over then.
   * @example
   * schedule.loadStateDict(saved.schedule);
   * optimizer.loadStateDict(saved.optimizer);
   */
  loadStateDict(state: ScheduleState): void {
    if (typeof state !== 'object' || state === null) {
      throw new KeelError('state_dict', `a schedule loads what its stateDict() gave, got ${showGiven(state)}`, { state });
    }
    const loaded = this.#fields().map(([name, own]) => {
      const value = state[keyOf(name)];
      if (typeof value === typeof own && Array.isArray(value) === Array.isArray(own)) return [name, value] as const;
      const key = keyOf(name);
      const message = `the state dict has ${showGiven(value)} for ${key}: it is that of another schedule`;
      throw new KeelError('state_dict', message, { key, value });
    });
    for (const [name, value] of loaded) Reflect.set(this, name, structuredClone(value));
  }

  #fields(): [string, unknown][] {
    return Object.entries(this).flatMap(([name, value]) => (name === 'optimizer' ? [] : [[name, structuredClone(value)]]));
  }
}

/** PyTorch's keys. */
function keyOf(name: string): string {
  return { lastLr: '_last_lr', tMax: 'T_max' }[name] ?? snakeCase(name);
}

/** Options of {@link StepLR}. */
export interface StepLROptions {
  /** Steps at one rate. */
  readonly stepSize: number;
  /** Default 0.1. */
  readonly gamma?: number;
}

/**
 * lr ← gamma·lr after every `stepSize` steps.
 *
 * @throws KeelError [size] for a stepSize that is no count; [argument] for none, and a gamma that is no number.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 * @example
 * new StepLR(optimizer, { stepSize: 30 }); // a tenth after 30 epochs, a hundredth after 60
 */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  constructor(optimizer: Scheduled, options: StepLROptions) {
    super(optimizer);
    const { stepSize, gamma } = optionsOf('StepLR', options, { stepSize: NaN, gamma: 0.1 });
    checkCount('step_size', stepSize, 1);
    checkNumber('gamma', gamma);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.begin();
  }

  protected ratesAt(epoch: number): number[] {
    const factor = epoch % this.stepSize === 0 ? this.gamma : 1;
    return this.groups.map(({ lr }) => lr * factor);
  }
}

/** Options of {@link LinearLR}. */
export interface LinearLROptions {
  /** The first rate as a share of the base. Default 1/3. */
  readonly startFactor?: number;
  /** The last one. Default 1. */
  readonly endFactor?: number;
  /** Steps from one to the other. Default 5. */
  readonly totalIters?: number;
}

/**
 * A warm-up: lr goes from startFactor·base to endFactor·base in equal parts over `totalIters` steps, and stays. Other
 * schedules of the same optimizer multiply with it.
 *
 * @throws KeelError [argument] for a startFactor outside 0 < f ≤ 1 or an endFactor outside 0..1; [size] for totalIters.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
 * @example
 * const schedules = [new LinearLR(optimizer, { startFactor: 0.1 }), new CosineAnnealingLR(optimizer, { tMax: 100 })];
 * for (const schedule of schedules) schedule.step();
 */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  constructor(optimizer: Scheduled, options: LinearLROptions = {}) {
    super(optimizer);
    const settings = { startFactor: 1 / 3, endFactor: 1, totalIters: 5 };
    const { startFactor, endFactor, totalIters } = optionsOf('LinearLR', options, settings);
    if (!(startFactor > 0 && startFactor <= 1)) {
      const message = `Starting multiplicative factor expected to be greater than 0 and less or equal to 1, got ${startFactor}`;
      throw new KeelError('argument', message, { startFactor });
    }
    if (!(endFactor >= 0 && endFactor <= 1)) {
      const message = `Ending multiplicative factor expected to be between 0 and 1, got ${endFactor}`;
      throw new KeelError('argument', message, { endFactor });
    }
    checkCount('total_iters', totalIters, 1);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.begin(this.groups.map(({ lr }) => lr * startFactor));
  }

  protected ratesAt(epoch: number): number[] {
    const { startFactor, totalIters } = this;
    const rise = this.endFactor - startFactor;
    const factor = epoch > totalIters ? 1 : 1 + rise / (totalIters * startFactor + (epoch - 1) * rise);
    return this.groups.map(({ lr }) => lr * factor);
  }
}

/** Options of {@link CosineAnnealingLR}. */
export interface CosineAnnealingLROptions {
  /** Steps from the highest rate to the least, T. */
  readonly tMax: number;
  /** The least rate. Default 0. */
  readonly etaMin?: number;
}

/**
 * lr_t = etaMin + (base − etaMin)·(1 + cos(π·t/T))/2: down to etaMin over T = `tMax` steps, up again over the next T,
 * and so on. Each rate is computed from the one before, as in PyTorch, so that other changes of lr last.
 *
 * @throws KeelError [size] for a tMax that is no count; [argument] for none, and an etaMin that is no number.
 * @see https://arxiv.org/abs/1608.03983
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 * @example
 * new CosineAnnealingLR(optimizer, { tMax: 10, etaMin: 1e-5 });
 */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  constructor(optimizer: Scheduled, options: CosineAnnealingLROptions) {
    super(optimizer);
    const { tMax, etaMin } = optionsOf('CosineAnnealingLR', options, { tMax: NaN, etaMin: 0 });
    checkCount('T_max', tMax, 1);
    checkNumber('etaMin', etaMin);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.begin();
  }

  protected ratesAt(epoch: number): number[] {
    const { tMax: T, etaMin } = this;
    const height = (t: number): number => 1 + Math.cos((Math.PI * t) / T);
    // From the bottom nothing can be multiplied: the first step up is added.
    const isAtBottom = (epoch - 1 - T) % (2 * T) === 0;
    const ratio = height(epoch) / height(epoch - 1);
    return this.groups.map(({ lr }, i) => {
      if (!isAtBottom) return ratio * (lr - etaMin) + etaMin;
      return lr + (((this.baseLrs[i] ?? lr) - etaMin) * (1 - Math.cos(Math.PI / T))) / 2;
    });
  }
}
