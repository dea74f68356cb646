// All targets by name. May import evenkeel.

// First: what it watches must not be loaded before it.
import './allocation.js';
import { commandLines } from './arguments.js';
import { npy, npz, safetensorsTarget } from './arrays.js';
import { external, shards } from './folders.js';
import { folding, foldingOnnx, inspection, onnx, pth } from './models.js';
import { patterns } from './patterns.js';
import { shapes } from './shapes.js';
import type { Target } from './target.js';
import { errorText, layerText } from './text.js';

export const targets: ReadonlyMap<string, Target> = new Map(
  [patterns, shapes, npy, npz, safetensorsTarget, shards, onnx, external, pth, layerText, errorText, inspection, folding, foldingOnnx, commandLines].map(
    (target) => [target.name, target],
  ),
);

/** The target of a name; throws with the names of all. */
export function targetOf(name: string): Target {
  const target = targets.get(name);
  if (target !== undefined) return target;
  throw new Error(`no target is called '${name}': choose from ${[...targets.keys()].join(', ')}`);
}
