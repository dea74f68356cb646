// Stochastic gradient descent. May import errors, kernels, tensor, nn, optimizer and state.

import { KeelError } from '../errors.js';
import { denseOf } from '../kernels/dense.js';
import { optionsOf } from '../nn/check.js';
import type { Tensor } from '../tensor.js';
import { checkNotNegative, Optimizer, type GroupSettings, type Params } from './optimizer.js';
import { stateTensor, type ParamState } from './state.js';

/** Settings of a group of {@link SGD}. */
export interface SGDSettings extends GroupSettings {
  /** Share of the last step that is made again, μ. Default 0. */
  momentum: number;
  /** Share of the gradient that does not enter the momentum, τ. Default 0. */
  dampening: number;
  /** Look ahead by the momentum. Default false. */
  nesterov: boolean;
}

/** Options of {@link SGD}: `lr` default 1e-3, `weightDecay` 0, `maximize` false, and those of {@link SGDSettings}. */
export type SGDOptions = Readonly<Partial<SGDSettings>>;

/**
 * d = g + weightDecay·x; b ← momentum·b + (1 − dampening)·d, in the first step b = d; x ← x − lr·b, and with `nesterov`
 * x ← x − lr·(d + momentum·b). Without momentum x ← x − lr·d. `maximize` takes −g for g.
 *
 * State: `momentum_buffer` b of each parameter, with momentum.
 *
 * @param params tensors, or groups `{ params, lr?, momentum?, weightDecay?, ... }`
 * @throws KeelError [argument] for a negative lr, momentum or weightDecay, and for nesterov without momentum or with
 *   dampening; as {@link Optimizer.addParamGroup}.
 * @see https://proceedings.mlr.press/v28/sutskever13.html
 * @see https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9, nesterov: true });
 */
export class SGD extends Optimizer<SGDSettings> {
  protected readonly countsSteps = false;

  constructor(params: Params<SGDSettings>, options: SGDOptions = {}) {
    const none = { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
    super(params, optionsOf('SGD', options, { lr: 1e-3, ...none }));
  }

  protected check({ lr, momentum, dampening, weightDecay, nesterov }: SGDSettings): void {
    checkNotNegative('learning rate', lr);
    checkNotNegative('momentum value', momentum);
    checkNotNegative('weight_decay value', weightDecay);
    if (typeof dampening !== 'number' || Number.isNaN(dampening)) {
      throw new KeelError('argument', `Invalid dampening value: ${String(dampening)}; it is a number`, { dampening });
    }
    if (!nesterov || (momentum > 0 && dampening === 0)) return;
    const message = `Nesterov momentum requires a momentum and zero dampening: got momentum ${momentum}, dampening ${dampening}`;
    throw new KeelError('argument', message, { momentum, dampening });
  }

  protected kept({ momentum }: SGDSettings): readonly string[] {
    return momentum === 0 ? [] : ['momentum_buffer'];
  }

  protected update(x: Tensor, dx: Tensor, settings: SGDSettings, state: ParamState): void {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = settings;
    const isFirst = !state.tensors.has('momentum_buffer');
    const buffer = momentum === 0 ? null : stateTensor(state, 'momentum_buffer', x).storage.handle;
    denseOf(x.storage.kernels).update({
      rule: 'sgd',
      length: x.size,
      x: x.storage.handle,
      dx: dx.storage.handle,
      buffer,
      isFirst,
      lr,
      momentum,
      dampening,
      weightDecay,
      nesterov,
      maximize,
    });
  }
}
