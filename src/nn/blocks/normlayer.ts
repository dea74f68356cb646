// The norm of a block or model as an option: a function from channels to a layer. May import errors and nn.

import { KeelError, showGiven } from '../../errors.js';
import type { Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';

/** Makes the norm of so many channels: `(channels) => new GroupNorm(4, channels)`. Called once for each norm. */
export type MakeNorm = (channels: number) => Layer;

/**
 * @internal The norm that the option makes.
 *
 * @throws KeelError [argument] for what is no function, or makes no module.
 */
export function makeNorm(owner: string, normLayer: MakeNorm, channels: number): Layer {
  // PyTorch takes the class itself, which is no function to call here.
  const isClass = typeof normLayer === 'function' && Reflect.get(normLayer, 'prototype') instanceof Module;
  if (typeof normLayer !== 'function' || isClass) {
    const given = isClass ? `the class ${normLayer.name}` : showGiven(normLayer);
    throw new KeelError(
      'argument',
      `${owner}: normLayer is a function such as (channels) => new LayerNorm(channels), got ${given}`,
      { normLayer },
    );
  }
  const layer = normLayer(channels);
  checkModule(layer);
  return layer;
}
