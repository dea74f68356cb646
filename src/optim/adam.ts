// Adam, and AdamW, whose decay stands apart. May import errors, kernels, tensor, nn, optimizer and state.

import { KeelError } from '../errors.js';
import { denseOf } from '../kernels/dense.js';
import { optionsOf } from '../nn/check.js';
import type { Tensor } from '../tensor.js';
import { checkNotNegative, Optimizer, type GroupSettings, type Params } from './optimizer.js';
import { stateTensor, type ParamState } from './state.js';

/** Settings of a group of {@link Adam} or {@link AdamW}. */
export interface AdamSettings extends GroupSettings {
  /** What the averages of the gradient and of its square keep in each step, β₁ and β₂. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the root. Default 1e-8. */
  eps: number;
  /** Divide by the largest average so far. Default false. */
  amsgrad: boolean;
}

/** Options of {@link Adam} and {@link AdamW}: `lr` default 1e-3, `maximize` false, and those of {@link AdamSettings}. */
export type AdamOptions = Readonly<Partial<AdamSettings>>;

/**
 * g = dx + weightDecay·x; m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; at step t
 * x ← x − lr·m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + eps). With `amsgrad` the largest v so far stands for v; `maximize` takes −g
 * for g. weightDecay is 0 by default, and {@link AdamW} has the decay that does not pass through the averages.
 *
 * State of each parameter: `step`, `exp_avg` m, `exp_avg_sq` v, and `max_exp_avg_sq` with amsgrad.
 *
 * @param params tensors, or groups `{ params, lr?, betas?, weightDecay?, ... }`
 * @throws KeelError [argument] for a negative lr, eps or weightDecay and betas outside 0 ≤ β < 1; as
 *   {@link Optimizer.addParamGroup}.
 * @see https://arxiv.org/abs/1412.6980
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
 * @example
 * const optimizer = new Adam(model.parameters(), { lr: 3e-4, betas: [0.9, 0.95] });
 */
export class Adam extends Optimizer<AdamSettings> {
  protected readonly countsSteps = true;
  /** Whether the decay stands apart from the averages. */
  protected readonly decoupled: boolean = false;

  constructor(params: Params<AdamSettings>, options: AdamOptions = {}) {
    super(params, optionsOf('Adam', options, defaults));
  }

  protected check({ lr, betas, eps, weightDecay }: AdamSettings): void {
    checkNotNegative('learning rate', lr);
    checkNotNegative('epsilon value', eps);
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new KeelError('argument', `betas are two numbers such as [0.9, 0.999], got ${String(betas)}`, { betas });
    }
    betas.forEach((beta, i) => {
      if (typeof beta === 'number' && beta >= 0 && beta < 1) return;
      const message = `Invalid beta parameter at index ${i}: ${String(beta)}; it is a number from 0 below 1`;
      throw new KeelError('argument', message, { index: i, beta });
    });
    checkNotNegative('weight_decay value', weightDecay);
  }

  protected kept({ amsgrad }: AdamSettings): readonly string[] {
    return ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])];
  }

  protected update(x: Tensor, dx: Tensor, settings: AdamSettings, state: ParamState): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = settings;
    const average = (name: string): unknown => stateTensor(state, name, x).storage.handle;
    denseOf(x.storage.kernels).update({
      rule: 'adam',
      length: x.size,
      x: x.storage.handle,
      dx: dx.storage.handle,
      m: average('exp_avg'),
      v: average('exp_avg_sq'),
      peak: amsgrad ? average('max_exp_avg_sq') : null,
      step: state.step,
      decoupled: this.decoupled,
      lr,
      betas,
      eps,
      weightDecay,
      maximize,
    });
  }
}

/**
 * {@link Adam} with the decay apart from the averages: x ← (1 − lr·weightDecay)·x, then Adam's step on dx alone.
 * weightDecay is 0.01 by default; norms and biases are usually left out of it, as {@link noDecay} does.
 *
 * State and errors as {@link Adam}.
 *
 * @see https://arxiv.org/abs/1711.05101
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 * @example
 * const optimizer = new AdamW(noDecay(model), { lr: 1e-3, weightDecay: 0.05 });
 */
export class AdamW extends Adam {
  protected override readonly decoupled = true;

  constructor(params: Params<AdamSettings>, options: AdamOptions = {}) {
    super(params, optionsOf('AdamW', options, { ...defaults, weightDecay: 1e-2 }));
  }
}

const defaults = {
  lr: 1e-3,
  betas: [0.9, 0.999] as const,
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
};
