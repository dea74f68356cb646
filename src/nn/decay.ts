// Which parameters an optimizer lets decay. May import errors, tensor and nn.

import { KeelError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { DyT } from './dyt.js';
import { GRN } from './grn.js';
import { checkModule, type Module } from './module.js';
import { NormLayer } from './norm.js';

/** Two groups for an optimizer: what decays, and what does not. */
export type DecayGroups = [{ params: Tensor[] }, { params: Tensor[]; weightDecay: number }];

/**
 * A model's parameters in two groups for {@link AdamW}, {@link Adam} or {@link SGD}: those that decay as the optimizer's
 * options say, and those with weightDecay 0. These are all parameters of norms of whatever rank (LayerNorm([C, H, W])'s
 * and GRN's are of several axes), all that are called `bias`, and all of rank 0 and 1. Each parameter is there once, and
 * frozen ones (`requiresGrad` false) are left out.
 *
 * timm's `param_groups_weight_decay` goes by rank and name alone: rank ≤ 1 and `.bias` do not decay, nor what the model
 * lists (a ViT's `pos_embed` and `cls_token`), so GRN's parameters and a LayerNorm's of several axes do. PyTorch's
 * optimizers let everything decay.
 *
 * @throws KeelError [argument] for what is no Module.
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/optim/_param_groups.py
 * @example
 * const optimizer = new AdamW(noDecay(model), { weightDecay: 0.05 });
 */
export function noDecay(model: Module): DecayGroups {
  if (Array.isArray(model)) {
    const message = 'noDecay takes the model itself, as it asks which parameters are of norms: noDecay(model), got a list';
    throw new KeelError('argument', message, { model });
  }
  checkModule(model);
  const inNorms = new Set(model.modules().filter(isNorm).flatMap((norm) => norm.parameters()));
  const learned = model.namedParameters().filter(([, { requiresGrad }]) => requiresGrad);
  const isKept = ([key, parameter]: readonly [string, Tensor]): boolean =>
    inNorms.has(parameter) || parameter.rank <= 1 || key === 'bias' || key.endsWith('.bias');
  const [decayed, kept] = [learned.filter((entry) => !isKept(entry)), learned.filter(isKept)];
  return [
    { params: decayed.map(([, parameter]) => parameter) },
    { params: kept.map(([, parameter]) => parameter), weightDecay: 0 },
  ];
}

/** Layers that normalize, or take the place of one that does. */
function isNorm(module: Module): boolean {
  return module instanceof NormLayer || module instanceof GRN || module instanceof DyT;
}
