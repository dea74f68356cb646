// The one-cycle schedule of rate and momentum. May import errors, nn, optimizer and schedule.

import { KeelError } from '../errors.js';
import { checkNumber, optionsOf } from '../nn/check.js';
import { LRScheduler, type Scheduled, type ScheduledGroup, type ScheduleState } from './schedule.js';

/** Options of {@link OneCycleLR}: `totalSteps`, or `epochs` and `stepsPerEpoch`. */
export interface OneCycleLROptions {
  /** The highest rate: of all groups, or of each. */
  readonly maxLr: number | readonly number[];
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
  /** The share of the steps in which the rate rises. Default 0.3. */
  readonly pctStart?: number;
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Move momentum, or β₁, against the rate. Default true. */
  readonly cycleMomentum?: boolean;
  /** The least momentum, at the highest rate: of all groups, or of each. Default 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** The largest momentum: of all groups, or of each. Default 0.95. */
  readonly maxMomentum?: number | readonly number[];
  /** The first rate is maxLr/divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first one/finalDivFactor. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Fall to the first rate as fast as it rose, and then on to the last. Default false. */
  readonly threePhase?: boolean;
}

/** A stretch of the schedule, as shares of the way between two ends. */
interface Phase {
  readonly start: number;
  readonly end: number;
  readonly rate: readonly [End, End];
  readonly momentum: readonly ['base' | 'max', 'base' | 'max'];
}
type End = 'initial' | 'max' | 'min';

/**
 * The rate rises from maxLr/divFactor to maxLr over the first pctStart of the steps and falls to
 * maxLr/(divFactor·finalDivFactor) in the others, along half waves of a cosine; momentum, or β₁, goes the other way
 * between maxMomentum and baseMomentum. `step()` follows every batch.
 *
 * @throws KeelError [argument] for totals that are no positive whole numbers or none at all, options out of range, lists
 *   of another length than the groups, an optimizer without momentum; and from `step()` beyond totalSteps, and in a phase
 *   of no steps, where PyTorch divides by zero.
 * @see https://arxiv.org/abs/1708.07120
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 * @example
 * const schedule = new OneCycleLR(optimizer, { maxLr: 0.01, epochs: 10, stepsPerEpoch: loader.length });
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  pctStart: number;
  annealStrategy: 'cos' | 'linear';
  cycleMomentum: boolean;
  threePhase: boolean;
  maxLrs: number[];
  minLrs: number[];
  baseMomentums: number[];
  maxMomentums: number[];

  constructor(optimizer: Scheduled, options: OneCycleLROptions) {
    super(optimizer);
    const given = optionsOf('OneCycleLR', options, { maxLr: NaN, ...defaults });
    const { pctStart, annealStrategy, cycleMomentum, divFactor, finalDivFactor, threePhase } = given;
    this.totalSteps = totalOf(given);
    if (!(typeof pctStart === 'number' && pctStart >= 0 && pctStart <= 1)) {
      const message = `Expected float between 0 and 1 pct_start, but got ${String(pctStart)}`;
      throw new KeelError('argument', message, { pctStart });
    }
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear') {
      const message = `anneal_strategy must be one of 'cos' or 'linear', instead got ${String(annealStrategy)}`;
      throw new KeelError('argument', message, { annealStrategy });
    }
    for (const [name, value] of Object.entries({ divFactor, finalDivFactor })) checkNumber(name, value);
    if (cycleMomentum && this.groups.some(({ momentum, betas }) => momentum === undefined && betas === undefined)) {
      throw new KeelError('argument', 'optimizer must support momentum or beta1 with `cycle_momentum` option enabled');
    }
    this.pctStart = pctStart;
    this.annealStrategy = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.threePhase = threePhase;
    this.maxLrs = this.#each('max_lr', given.maxLr);
    this.maxMomentums = this.#each('max_momentum', given.maxMomentum);
    this.baseMomentums = this.#each('base_momentum', given.baseMomentum);
    this.baseLrs = this.maxLrs.map((max) => max / divFactor);
    this.minLrs = this.baseLrs.map((initial) => initial / finalDivFactor);
    this.begin(this.ratesAt(0));
  }

  /**
   * As in the other schedules. PyTorch's state has phases in place of what they follow from, and keeps the highest and least
   * rates and momentums with the optimizer: those stay as they were given here.
   *
   * @throws KeelError [state_dict] as there, and for one of PyTorch that began at other rates.
   */
  override loadStateDict(state: ScheduleState): void {
    const { _schedule_phases: phases, total_steps: total, _anneal_func_type: strategy } = state ?? {};
    if (!Array.isArray(phases) || typeof total !== 'number') return super.loadStateDict(state);
    this.#checkStart(state['base_lrs']);
    const pctStart = (Number(phases[0]?.end_step) + 1) / total;
    const own = { pct_start: pctStart, three_phase: phases.length === 3, anneal_strategy: strategy };
    super.loadStateDict({ ...this.stateDict(), ...own, ...state });
  }

  #checkStart(given: unknown): void {
    const starts: readonly unknown[] = Array.isArray(given) ? given : [];
    const i = this.baseLrs.findIndex((own, at) => !(Math.abs(own - Number(starts[at])) <= 1e-9 * Math.abs(own)));
    if (i < 0) return;
    const message =
      `PyTorch's schedule began at ${String(starts[i])}, and this one at ${this.baseLrs[i]}: make it with the same maxLr and ` +
      'divFactor';
    throw new KeelError('state_dict', message, { given, own: this.baseLrs });
  }

  protected ratesAt(step: number): number[] {
    const { phase, share } = this.#at(step);
    const along = (from: number, to: number): number =>
      this.annealStrategy === 'cos' ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * share)) : (to - from) * share + from;
    const ends = { initial: this.baseLrs, max: this.maxLrs, min: this.minLrs };
    const sides = { base: this.baseMomentums, max: this.maxMomentums };
    return this.groups.map((group, i) => {
      const [begin, end] = phase.momentum.map((side) => sides[side][i]);
      // A group that came later keeps its momentum, and its rate.
      if (this.cycleMomentum && begin !== undefined && end !== undefined) setMomentum(group, along(begin, end));
      const [from, to] = phase.rate;
      return along(ends[from][i] ?? group.lr, ends[to][i] ?? group.lr);
    });
  }

  /** The phase of a step, and how far it is through. */
  #at(step: number): { readonly phase: Phase; readonly share: number } {
    const { totalSteps, pctStart } = this;
    if (step > totalSteps) {
      const message = `Tried to step ${step} times. The specified number of total steps is ${totalSteps}`;
      throw new KeelError('argument', message, { step, totalSteps });
    }
    const [first, ...others] = this.#phases();
    const phase = [first, ...others].find(({ end }) => step <= end) ?? others.at(-1) ?? first;
    if (phase.end !== phase.start) return { phase, share: (step - phase.start) / (phase.end - phase.start) };
    const message = `float division by zero: pctStart ${pctStart} of ${totalSteps} steps makes a phase of none; take more steps`;
    throw new KeelError('argument', message, { totalSteps, pctStart });
  }

  #phases(): [Phase, ...Phase[]] {
    const { totalSteps, pctStart, threePhase } = this;
    const last = totalSteps - 1;
    const top = pctStart * totalSteps - 1;
    const rise: Phase = { start: 0, end: top, rate: ['initial', 'max'], momentum: ['max', 'base'] };
    if (!threePhase) return [rise, { start: top, end: last, rate: ['max', 'min'], momentum: ['base', 'max'] }];
    const down = 2 * pctStart * totalSteps - 2;
    return [
      rise,
      { start: top, end: down, rate: ['max', 'initial'], momentum: ['base', 'max'] },
      { start: down, end: last, rate: ['initial', 'min'], momentum: ['max', 'max'] },
    ];
  }

  #each(name: string, given: number | readonly number[]): number[] {
    const values = typeof given === 'number' ? this.groups.map(() => given) : [...given];
    for (const value of values) checkNumber(name, value);
    if (values.length === this.groups.length) return values;
    throw new KeelError(
      'argument',
      `${name} must have the same length as optimizer.param_groups. ${name} has ${values.length} values, ` +
        `param_groups has ${this.groups.length}.`,
      { expected: this.groups.length, got: values.length },
    );
  }
}

const defaults: Required<Omit<OneCycleLROptions, 'maxLr'>> = {
  totalSteps: null,
  epochs: null,
  stepsPerEpoch: null,
  pctStart: 0.3,
  annealStrategy: 'cos',
  cycleMomentum: true,
  baseMomentum: 0.85,
  maxMomentum: 0.95,
  divFactor: 25,
  finalDivFactor: 1e4,
  threePhase: false,
};

function totalOf({ totalSteps, epochs, stepsPerEpoch }: Required<OneCycleLROptions>): number {
  if (totalSteps !== null) return counted('total_steps', totalSteps);
  if (epochs !== null && stepsPerEpoch !== null) {
    return counted('epochs', epochs) * counted('steps_per_epoch', stepsPerEpoch);
  }
  const message = 'You must define either total_steps OR (epochs AND steps_per_epoch): totalSteps, or epochs and stepsPerEpoch';
  throw new KeelError('argument', message, { totalSteps, epochs, stepsPerEpoch });
}

function counted(name: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new KeelError('argument', `Expected positive integer ${name}, but got ${String(value)}`, { [name]: value });
}

function setMomentum(group: ScheduledGroup, momentum: number): void {
  if (group.betas === undefined) group.momentum = momentum;
  else group.betas = [momentum, group.betas[1]];
}
