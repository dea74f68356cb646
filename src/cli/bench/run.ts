// `evenkeel bench`: layers on this machine, against a copy. May import node: and evenkeel.

import { availableParallelism } from 'node:os';
import {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, grad, GroupNorm, init, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, KeelError,
  LayerNorm, LayerNorm2d, LocalResponseNorm, randn, RMSNorm, scope, type Tensor,
} from 'evenkeel';
import type { Given, Outcome } from '../command.js';
import type { benchSpec } from '../commands/bench.js';
import { layerNameOf, layerNames, noLayer, type LayerName } from '../layernames.js';
import type { Terminal } from '../terminal.js';
import { showBytes, table } from '../text.js';
import { medianMillis } from './median.js';

/** In the caches of most machines, and beyond them. */
const SHAPES: readonly (readonly number[])[] = [[8, 64, 56, 56], [32, 256, 56, 56]];

/** Arrays of one row: x, y, dy, dx and a copy. */
const MOST_ELEMENTS = 2 ** 27;

interface Speed {
  readonly millis: number;
  readonly gigabytesPerSecond: number;
  readonly shareOfCopy: number;
}

interface Forward {
  forward(x: Tensor): Tensor;
}

interface Row {
  readonly layer: LayerName;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly copyMillis: number;
  readonly forward: Speed;
  /** null where both passes took no longer than the forward one: the shape is too small to tell. */
  readonly backward: Speed | null;
}

export async function run({ operands, options }: Given<typeof benchSpec>, terminal: Terminal): Promise<Outcome> {
  const layers = operands.LAYER.length === 0 ? layerNames : operands.LAYER.map((name) => layerNameOf(name) ?? refuse(name));
  const shapes = options.shape === null ? SHAPES : [options.shape];
  const seconds = options.seconds ?? 0.3;
  const threads = options.threads ?? Math.min(8, availableParallelism());
  // Before the first tensor, which a layer holds.
  await init({ threads });
  check(shapes, layers, options.groups, seconds);

  const rows: Row[] = [];
  for (const [i, shape] of shapes.entries()) {
    for (const [j, name] of layers.entries()) {
      await terminal.pause();
      terminal.progress(`${name} on ${shape.join('x')}`, i * layers.length + j, shapes.length * layers.length);
      const layer = layerFor(name, shape, options.groups ?? groupsFor(shape[1] ?? 1));
      rows.push(await timed(name, layer, shape, seconds, terminal));
    }
  }
  terminal.progress('', 1, 1);
  return { exit: 0, json: { threads, rows }, text: textOf(rows, threads, terminal) };
}

function refuse(name: string): never {
  throw noLayer(name);
}

function check(shapes: readonly (readonly number[])[], layers: readonly LayerName[], groups: number | null, seconds: number): void {
  for (const shape of shapes) {
    const elements = shape.reduce((product, extent) => product * extent, 1);
    if (elements < 1 || elements > MOST_ELEMENTS) {
      const message = `--shape ${shape.join('x')} has ${elements} elements: give 1 to ${MOST_ELEMENTS}`;
      throw new KeelError('argument', message, { shape, elements, limit: MOST_ELEMENTS });
    }
    // Shapes that a layer does not take are refused before the first is timed.
    for (const name of layers) {
      const layer = layerFor(name, shape, groups ?? groupsFor(shape[1] ?? 1));
      if (!(layer instanceof LocalResponseNorm)) layer.patternFor(shape);
    }
  }
  if (seconds > 0 && seconds <= 60) return;
  throw new KeelError('argument', `--seconds takes a number above 0, 60 at most, got ${seconds}`, { seconds });
}

function layerFor(name: LayerName, shape: readonly number[], groups: number) {
  const channels = shape[1] ?? 1;
  const rank = Math.min(Math.max(shape.length, 3), 5);
  switch (name) {
    case 'layer-norm':
      return new LayerNorm(shape.slice(-1));
    case 'layer-norm-2d':
      return new LayerNorm2d(channels);
    case 'rms-norm':
      return new RMSNorm(shape.slice(-1));
    case 'group-norm':
      return new GroupNorm(groups, channels);
    case 'batch-norm':
      return new ({ 3: BatchNorm1d, 4: BatchNorm2d }[rank] ?? BatchNorm3d)(channels);
    case 'instance-norm':
      return new ({ 3: InstanceNorm1d, 4: InstanceNorm2d }[rank] ?? InstanceNorm3d)(channels, { affine: true });
    case 'local-response-norm':
      return new LocalResponseNorm(5);
    default:
      return name satisfies never;
  }
}

/** 8, or the next smaller number that divides the channels. */
function groupsFor(channels: number): number {
  return [8, 7, 6, 5, 4, 3, 2].find((g) => channels % g === 0) ?? 1;
}

async function timed(layer: LayerName, module: Forward, shape: readonly number[], seconds: number, { pause }: Terminal): Promise<Row> {
  const [x, leaf, dy] = [randn(shape), randn(shape), randn(shape)];
  leaf.requiresGrad = true;
  const millisOf = (call: () => void): Promise<number> => medianMillis(call, seconds, pause);
  try {
    // Written to: pages that nobody wrote to are one page, which stays in the cache.
    const [source, target] = [new Float32Array(x.size).fill(1), new Float32Array(x.size).fill(2)];
    const copyMillis = await millisOf(() => target.set(source));
    const forwardMillis = await millisOf(() => scope(() => void module.forward(x)));
    const bothMillis = await millisOf(() => scope(() => void grad(module.forward(leaf), leaf, { gradOutputs: dy })));
    const bytes = x.size * 4;
    const speed = (millis: number, moved: number): Speed => ({
      millis,
      gigabytesPerSecond: moved / millis / 1e6,
      shareOfCopy: (moved / millis) * (copyMillis / (2 * bytes)),
    });
    // Backward alone: a pass of both, less a forward.
    const backward = bothMillis > forwardMillis ? speed(bothMillis - forwardMillis, 3 * bytes) : null;
    return { layer, shape, bytes, copyMillis, forward: speed(forwardMillis, 2 * bytes), backward };
  } finally {
    for (const tensor of [x, leaf, dy]) tensor.dispose();
  }
}

function textOf(rows: readonly Row[], threads: number, { columns, paint }: Terminal): string[] {
  const head = ['layer', 'shape', 'forward ms', 'GB/s', 'of copy', 'backward ms', 'GB/s', 'of copy'];
  const body = rows.map(({ layer, shape, forward, backward }) => [layer, shape.join('×'), ...cells(forward), ...cells(backward)]);
  const right = 'right' as const;
  const lines = table([head, ...body], { columns, align: ['left', 'left', right, right, right, right, right, right] });
  const copies = new Map(rows.map(({ bytes, copyMillis }) => [bytes, (2 * bytes) / copyMillis / 1e6]));
  return [
    paint('bold', lines[0] ?? ''),
    ...lines.slice(1),
    '',
    `${threads} thread${threads === 1 ? '' : 's'}; a copy by one: ${[...copies].map(([bytes, speed]) => `${speed.toFixed(1)} GB/s of ${showBytes(bytes)}`).join(', ')}`,
  ];
}

function cells(speed: Speed | null): string[] {
  if (speed === null) return ['-', '-', '-'];
  const { millis, gigabytesPerSecond, shareOfCopy } = speed;
  return [millis.toFixed(millis < 10 ? 3 : 1), gigabytesPerSecond.toFixed(1), `${Math.round(100 * shareOfCopy)} %`];
}
