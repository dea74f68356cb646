// ConvNeXt, V1 and V2, and its block. May import errors, create, random, ops, tensor and nn.

import { full } from '../../create.js';
import { KeelError } from '../../errors.js';
import { add, mul } from '../../ops/elementwise.js';
import { permute } from '../../ops/movement.js';
import { mean } from '../../ops/reduce.js';
import { truncNormal } from '../../random.js';
import { sameShape, scope, type Tensor } from '../../tensor.js';
import { GELU } from '../activation.js';
import { checkCount, checkImages, checkList, checkNumber, checkProbability, optionsOf } from '../check.js';
import { ModuleList, Sequential } from '../containers.js';
import { Conv2d } from '../conv.js';
import { DropPath } from '../drop.js';
import { GRN } from '../grn.js';
import { zeros_ } from '../init.js';
import { Identity, Linear, type Layer } from '../layers.js';
import { Module } from '../module.js';
import { LayerNorm, LayerNorm2d } from '../norm.js';
import { parameterOf, type Parameter } from '../parameter.js';
import type { Loading } from '../state.js';
import { adaptLayout } from './layouts.js';
import { makeNorm, type MakeNorm } from './normlayer.js';

/** Options of {@link ConvNeXtBlock}. */
export interface ConvNeXtBlockOptions {
  /** What γ is at first; null: there is no layer scale. Default 1e-6, and null with `grn`. */
  readonly layerScale?: number | null;
  /** Probability that a sample skips the block in training. Default 0. */
  readonly dropPath?: number;
  /** V2: global response normalization between the linear layers. Default false. */
  readonly grn?: boolean;
  /** Of the norm, where `normLayer` is not given. Default 1e-6. */
  readonly eps?: number;
  /** A norm for (N, C, H, W). Default null: LayerNorm2d. */
  readonly normLayer?: MakeNorm | null;
}

/**
 * y = x + DropPath(γ·W₂·gelu(W₁·norm(dwconv₇ₓ₇(x)) + b₁) + b₂): a depthwise convolution, a norm over the channels of each
 * pixel, and a linear layer to 4·dim and back. V2, with `grn`, has {@link GRN} after the activation and no γ.
 *
 * Input (N, dim, H, W), output the same. State in the order of facebookresearch: `gamma` (dim) where there is a layer scale,
 * `dwconv`, `norm`, `pwconv1`, `grn`, `pwconv2`. The keys of a block of timm, torchvision and Hugging Face load too.
 *
 * The norm stands before the move to channels last, where LayerNorm2d gives what facebook's LayerNorm gives after it, so that
 * every norm for images may stand there.
 *
 * @throws KeelError [size] for a dim that is no count; [argument] for options out of range; [rank], [shape] for another input.
 * @see https://arxiv.org/abs/2201.03545
 * @see https://arxiv.org/abs/2301.00808
 * @see https://github.com/facebookresearch/ConvNeXt-V2/blob/main/models/convnextv2.py
 * @example
 * new ConvNeXtBlock(16, { layerScale: 0.1 }).forward(randn([2, 16, 8, 8]));
 */
export class ConvNeXtBlock extends Module {
  static readonly type: string = 'ConvNeXtBlock';

  dwconv: Conv2d;
  norm: Layer;
  pwconv1: Linear;
  act: GELU;
  grn: GRN | null;
  pwconv2: Linear;
  gamma: Parameter | null;
  dropPath: Layer;

  constructor(dim: number, options: ConvNeXtBlockOptions = {}) {
    super();
    const { layerScale, dropPath, grn, eps, normLayer } = optionsOf(new.target.name, options, {
      layerScale: layerScaleOf(options),
      dropPath: 0,
      grn: false,
      eps: 1e-6,
      normLayer: null,
    });
    checkCount('dim', dim, 1);
    checkProbability('drop', dropPath);
    if (layerScale !== null) checkNumber('layerScale', layerScale);
    this.dwconv = new Conv2d(dim, dim, 7, { padding: 3, groups: dim });
    this.norm = makeNorm('ConvNeXtBlock', normLayer ?? pixelNorm(eps), dim);
    this.pwconv1 = new Linear(dim, 4 * dim);
    this.act = new GELU();
    this.grn = grn ? new GRN(4 * dim) : null;
    this.pwconv2 = new Linear(4 * dim, dim);
    this.gamma = layerScale === null ? null : parameterOf(full([dim], layerScale));
    this.dropPath = dropPath === 0 ? new Identity() : new DropPath(dropPath);
  }

  forward(x: Tensor): Tensor {
    checkImages('ConvNeXtBlock', x);
    return scope(() => {
      const pixels = permute(this.norm.forward(this.dwconv.forward(x)), [0, 2, 3, 1]);
      const wide = this.act.forward(this.pwconv1.forward(pixels));
      const narrow = this.pwconv2.forward(this.grn === null ? wide : this.grn.forward(wide));
      const scaled = this.gamma === null ? narrow : mul(narrow, this.gamma);
      return add(x, this.dropPath.forward(permute(scaled, [0, 3, 1, 2])));
    });
  }

  protected override adaptState(loading: Loading, prefix: string): void {
    adaptLayout('ConvNeXtBlock', this, loading, prefix);
  }
}

/** Options of {@link ConvNeXt}. */
export interface ConvNeXtOptions {
  /** Default 3. */
  readonly inChannels?: number;
  /** Default 1000. */
  readonly numClasses?: number;
  /** Blocks of each stage. Default 3, 3, 9, 3: ConvNeXt-T. */
  readonly depths?: readonly number[];
  /** Channels of each stage. Default 96, 192, 384, 768. */
  readonly dims?: readonly number[];
  /** Kernel and stride of the stem. Default 4. */
  readonly patch?: number;
  /** What γ of every block is at first; null: there is none. Default 1e-6, and null with `grn`. */
  readonly layerScale?: number | null;
  /** Probability of the last block to be skipped; it grows linearly from 0 over all blocks. Default 0. */
  readonly dropPathRate?: number;
  /** V2: global response normalization in every block. Default false. */
  readonly grn?: boolean;
  /** Of every norm that `normLayer` does not make. Default 1e-6. */
  readonly eps?: number;
  /** The norms for (N, C, H, W): of the stem, between stages and in blocks. Default null: LayerNorm2d. */
  readonly normLayer?: MakeNorm | null;
}

/**
 * logits = head(norm(mean over H and W of the stages)): a stem that steps by `patch` and a norm, stages of
 * {@link ConvNeXtBlock}s, and between two stages a norm and a 2×2 convolution with stride 2. The last norm is a LayerNorm of
 * the pooled vector.
 *
 * Input (N, inChannels, H, W), output (N, numClasses). State as facebookresearch: `downsample_layers.0.0`, ...,
 * `stages.0.0.gamma`, ..., `norm`, `head`. State dicts in the layouts of timm, torchvision and Hugging Face are recognized
 * and load; the report's `layout` says so. Weights begin as truncated normal numbers of deviation 0.02, biases as 0.
 *
 * @throws KeelError [argument] for depths and dims of different length and rates out of range; [size] for sizes that are no
 *   counts; [rank] for other inputs, [shape] for one that is too small.
 * @see https://arxiv.org/abs/2201.03545
 * @see https://arxiv.org/abs/2301.00808
 * @see https://github.com/facebookresearch/ConvNeXt/blob/main/models/convnext.py
 * @example
 * new ConvNeXt({ inChannels: 1, numClasses: 10, depths: [2, 2], dims: [18, 30], patch: 2 }).forward(randn([4, 1, 8, 8]));
 */
export class ConvNeXt extends Module {
  static readonly type: string = 'ConvNeXt';

  downsampleLayers: ModuleList<Sequential>;
  stages: ModuleList<Sequential<ConvNeXtBlock>>;
  norm: Layer;
  /** A {@link Linear} at first; any layer of (N, dims.at(-1)) may take its place. */
  head: Layer;

  constructor(options: ConvNeXtOptions = {}) {
    super();
    const all = optionsOf(new.target.name, options, {
      inChannels: 3,
      numClasses: 1000,
      depths: [3, 3, 9, 3],
      dims: [96, 192, 384, 768],
      patch: 4,
      layerScale: layerScaleOf(options),
      dropPathRate: 0,
      grn: false,
      eps: 1e-6,
      normLayer: null,
    });
    const { inChannels, numClasses, depths, dims, patch, eps } = all;
    checkStages(depths, dims);
    checkProbability('drop', all.dropPathRate);
    const normLayer = all.normLayer ?? pixelNorm(eps);
    this.downsampleLayers = new ModuleList(
      dims.map((dim, i) =>
        i === 0
          ? new Sequential(new Conv2d(inChannels, dim, patch, { stride: patch }), makeNorm('ConvNeXt', normLayer, dim))
          : between(dims[i - 1] ?? dim, dim, normLayer),
      ),
    );
    const rates = dropPathRates(all.dropPathRate, depths);
    this.stages = new ModuleList(
      dims.map((dim, i) => {
        const { layerScale, grn } = all;
        const block = (dropPath: number) => new ConvNeXtBlock(dim, { layerScale, dropPath, grn, normLayer });
        return new Sequential<ConvNeXtBlock>(...(rates[i] ?? []).map(block));
      }),
    );
    const last = dims.at(-1) ?? 0;
    this.norm = new LayerNorm(last, { eps });
    this.head = new Linear(last, numClasses);
    this.apply(initialize);
  }

  /** The image features before the pool: (N, dims.at(-1), H′, W′). */
  features(x: Tensor): Tensor {
    checkImages('ConvNeXt', x);
    checkExtents(x.shape, this.downsampleLayers);
    return scope(() => {
      let y = x;
      [...this.stages].forEach((stage, i) => {
        const before = this.downsampleLayers[i];
        if (before !== undefined) y = stage.forward(before.forward(y));
      });
      return y;
    });
  }

  forward(x: Tensor): Tensor {
    return scope(() => this.head.forward(this.norm.forward(mean(this.features(x), [2, 3]))));
  }

  protected override adaptState(loading: Loading, prefix: string): void {
    adaptLayout('ConvNeXt', this, loading, prefix);
  }
}

/** Each convolution on the way down needs an image as large as its kernel, which is its stride. */
function checkExtents(shape: readonly number[], downsampleLayers: ModuleList<Sequential>): void {
  const steps = [...downsampleLayers].flatMap((layers) => [...layers].filter((layer) => layer instanceof Conv2d));
  // Others, which somebody put there, say for themselves what they need, as does the first for other channels.
  if (!steps.every(({ kernelSize, stride }) => sameShape(kernelSize, stride)) || steps[0]?.inChannels !== shape[1]) return;
  const least = steps.reduce((size, { stride: [step = 1] }) => size * step, 1);
  const [height = 0, width = 0] = shape.slice(2);
  if (height >= least && width >= least) return;
  const [patch = 1] = steps[0]?.stride ?? [];
  const message =
    `Kernel size can't be greater than actual input size: ConvNeXt with patch ${patch} and ${steps.length} stages takes images ` +
    `from ${least} × ${least}, got ${height} × ${width}; resize them, or make it with a smaller patch or fewer stages`;
  throw new KeelError('shape', message, { least, height, width });
}

function pixelNorm(eps: number): MakeNorm {
  return (channels) => new LayerNorm2d(channels, { eps });
}

/** V2 took GRN in place of the layer scale. */
function layerScaleOf(options: { readonly grn?: boolean }): number | null {
  return options?.grn === true ? null : 1e-6;
}

function between(from: number, to: number, normLayer: MakeNorm): Sequential {
  return new Sequential(makeNorm('ConvNeXt', normLayer, from), new Conv2d(from, to, 2, { stride: 2 }));
}

/** The rates of all blocks, from 0 to `last` in equal steps, by stage. */
function dropPathRates(last: number, depths: readonly number[]): number[][] {
  const steps = depths.reduce((a, b) => a + b, 0) - 1;
  let block = 0;
  return depths.map((depth) => Array.from({ length: depth }, () => (steps === 0 ? 0 : (last * block++) / steps)));
}

function initialize(module: Module): void {
  if (!(module instanceof Conv2d || module instanceof Linear)) return;
  truncNormal(module.weight, { std: 0.02 });
  if (module.bias !== null) zeros_(module.bias);
}

function checkStages(depths: readonly number[], dims: readonly number[]): void {
  checkList('depths', depths);
  checkList('dims', dims);
  for (const depth of depths) checkCount('the depth of a stage', depth, 0);
  for (const dim of dims) checkCount('dim', dim, 1);
  if (depths.length > 0 && depths.length === dims.length) return;
  throw new KeelError(
    'argument',
    `ConvNeXt has one depth and one dim for each stage: ${depths.length} depths [${depths.join(', ')}] and ${dims.length} ` +
      `dims [${dims.join(', ')}]`,
    { depths, dims },
  );
}
