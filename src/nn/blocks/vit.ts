// The Vision Transformer. May import errors, create, random, ops, tensor and nn.

import { zeros } from '../../create.js';
import { KeelError } from '../../errors.js';
import type { PerAxis } from '../../ops/conv.js';
import { add, tanh } from '../../ops/elementwise.js';
import { cat, expand, permute, reshape } from '../../ops/movement.js';
import { mean } from '../../ops/reduce.js';
import { select, slice } from '../../ops/shape.js';
import { normal_, truncNormal } from '../../random.js';
import { scope, Tensor } from '../../tensor.js';
import { checkCount, checkImages, checkNumber, checkProbability, optionsOf } from '../check.js';
import { Sequential } from '../containers.js';
import { Conv2d } from '../conv.js';
import { zeros_ } from '../init.js';
import { Dropout, Linear, type Layer } from '../layers.js';
import { Module } from '../module.js';
import { LayerNorm } from '../norm.js';
import { parameterOf, type Parameter } from '../parameter.js';
import type { Loading } from '../state.js';
import { Attention } from './attention.js';
import { adaptLayout } from './layouts.js';
import { Mlp } from './mlp.js';
import { makeNorm, type MakeNorm } from './normlayer.js';
import { ResidualBlock } from './residual.js';

/**
 * Patches of an image as tokens: a convolution whose kernel is its stride, its positions row by row.
 *
 * Input (N, inChannels, ...imageSize), output (N, patches, dim). State: `proj`.
 *
 * @param imageSize one number, or [height, width]
 * @throws KeelError [indivisible] for patches that do not divide the image; [rank], [shape] for other images.
 * @see https://arxiv.org/abs/2010.11929
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/layers/patch_embed.py
 * @example
 * new PatchEmbed(8, 2, 1, 48).forward(randn([4, 1, 8, 8])).shape; // [4, 16, 48]
 */
export class PatchEmbed extends Module {
  static readonly type: string = 'PatchEmbed';

  readonly imageSize: readonly [height: number, width: number];
  readonly patchSize: readonly [height: number, width: number];
  proj: Conv2d;

  constructor(imageSize: PerAxis, patchSize: PerAxis, inChannels: number, dim: number) {
    super();
    this.imageSize = pair('imageSize', imageSize);
    this.patchSize = pair('patchSize', patchSize);
    checkDivides(this.imageSize, this.patchSize);
    this.proj = new Conv2d(inChannels, dim, this.patchSize, { stride: this.patchSize });
  }

  /** How many there are. */
  get patches(): number {
    const [[height, width], [patchHeight, patchWidth]] = [this.imageSize, this.patchSize];
    return (height / patchHeight) * (width / patchWidth);
  }

  forward(x: Tensor): Tensor {
    checkImages('PatchEmbed', x);
    this.checkInput(x.shape);
    return scope(() => {
      const y = this.proj.forward(x);
      const [n = 0, dim = 0] = y.shape;
      return permute(reshape(y, [n, dim, this.patches]), [0, 2, 1]);
    });
  }

  private checkInput(shape: readonly number[]): void {
    const [, channels, , last] = shape;
    if (channels !== this.proj.inChannels && last === this.proj.inChannels) {
      const message =
        `Input [${shape.join(', ')}] has its ${last} channels last, and this model takes (N, C, H, W): permute them first, ` +
        'x.permute([0, 3, 1, 2])';
      throw new KeelError('shape', message, { shape, channels: last });
    }
    for (const [i, name] of (['height', 'width'] as const).entries()) {
      const [got = 0, expected = 0] = [shape[i + 2], this.imageSize[i]];
      if (got === expected) continue;
      throw new KeelError(
        'shape',
        `Input ${name} (${got}) doesn't match model (${expected}): resize the image, or make a model with imageSize ${got}`,
        { [name]: got, expected },
      );
    }
  }
}

/** Options of {@link VisionTransformer}. */
export interface VisionTransformerOptions {
  /** One number, or [height, width]. Default 224. */
  readonly imageSize?: PerAxis;
  /** Default 16. */
  readonly patchSize?: PerAxis;
  /** Default 3. */
  readonly inChannels?: number;
  /** Default 1000. */
  readonly numClasses?: number;
  /** Features of a token. Default 768. */
  readonly dim?: number;
  /** Blocks. Default 12. */
  readonly depth?: number;
  /** Default 12. */
  readonly numHeads?: number;
  /** Hidden features of a block's {@link Mlp}, in units of dim. Default 4. */
  readonly mlpRatio?: number;
  /** Learn a shift of queries, keys and values. Default true. */
  readonly qkvBias?: boolean;
  /** Makes the norms of each head's queries and keys. Default null: none. */
  readonly qkNorm?: MakeNorm | null;
  /** What the factors on each branch are at first. Default null: there are none. */
  readonly layerScale?: number | null;
  /** Dropout before the head. Default 0. */
  readonly dropRate?: number;
  /** Dropout of tokens with their positions. Default 0. */
  readonly posDropRate?: number;
  /** Dropout after attention's projection and in each {@link Mlp}. Default 0. */
  readonly projDropRate?: number;
  /** Dropout of attention's weights. Default 0. */
  readonly attnDropRate?: number;
  /** Probability of the last block's branches to be left out; it grows linearly from 0. Default 0. */
  readonly dropPathRate?: number;
  /** Of every norm, where `normLayer` is not given. Default 1e-6. */
  readonly eps?: number;
  /** A norm for (N, T, dim). Default null: LayerNorm. */
  readonly normLayer?: MakeNorm | null;
  /** Features of a layer of tanh before the head, torchvision's. Default null: there is none. */
  readonly representationSize?: number | null;
  /** What the head sees: the class token, or the mean of the others. Default `token`. */
  readonly pool?: 'token' | 'avg';
}

/**
 * logits = head(norm(t)[class token]) with t = blocks([class token, patches] + positions), blocks pre-norm:
 * x ← x + attn(norm1(x)), x ← x + mlp(norm2(x)), gelu of erf. With `pool: 'avg'` head(norm(mean of the patches of t)).
 *
 * Input (N, inChannels, ...imageSize), output (N, numClasses). State as timm: `cls_token` (1, 1, dim), `pos_embed`
 * (1, 1 + patches, dim), `patch_embed.proj`, `blocks.0.norm1`, `.attn.qkv`, `.attn.proj`, `.ls1`, `.norm2`, `.mlp.fc1`,
 * `.mlp.fc2`, `.ls2`, ..., `norm` (or `fc_norm` of `avg`), `pre_logits` where there is one, `head`. torchvision's state dicts are recognized and load; the
 * report's `layout` says so. Linear weights and positions begin as truncated normal numbers of deviation 0.02.
 *
 * @throws KeelError [indivisible] for heads or patches that do not divide; [argument] for rates out of range or another pool;
 *   [rank], [shape] for other images.
 * @see https://arxiv.org/abs/2010.11929
 * @see https://github.com/huggingface/pytorch-image-models/blob/main/timm/models/vision_transformer.py
 * @example
 * const sizes = { imageSize: 8, patchSize: 2, inChannels: 1, numClasses: 10 };
 * const vit = new VisionTransformer({ ...sizes, dim: 48, depth: 3, numHeads: 4 });
 * vit.forward(randn([4, 1, 8, 8])).shape; // [4, 10]
 */
export class VisionTransformer extends Module {
  static readonly type: string = 'VisionTransformer';

  clsToken: Parameter;
  posEmbed: Parameter;
  patchEmbed: PatchEmbed;
  posDrop: Dropout;
  blocks: Sequential<ResidualBlock<Attention, Mlp>>;
  norm: Layer | null;
  fcNorm: Layer | null;
  preLogits: Linear | null;
  headDrop: Dropout;
  /** A {@link Linear} at first; any layer of (N, dim) may take its place. */
  head: Layer;

  constructor(options: VisionTransformerOptions = {}) {
    super();
    const all = optionsOf(new.target.name, options, {
      imageSize: 224, patchSize: 16, inChannels: 3, numClasses: 1000, dim: 768, depth: 12, numHeads: 12, mlpRatio: 4,
      qkvBias: true, qkNorm: null, layerScale: null, dropRate: 0, posDropRate: 0, projDropRate: 0, attnDropRate: 0,
      dropPathRate: 0, eps: 1e-6, normLayer: null, representationSize: null, pool: 'token',
    });
    const { dim, depth, pool, eps } = all;
    checkCount('depth', depth, 0);
    checkNumber('mlpRatio', all.mlpRatio);
    checkProbability('drop', all.dropPathRate);
    if (pool !== 'token' && pool !== 'avg') {
      throw new KeelError('argument', `VisionTransformer: pool must be 'token' or 'avg', got '${String(pool)}'`, { pool });
    }
    const normLayer: MakeNorm = all.normLayer ?? ((channels) => new LayerNorm(channels, { eps }));
    this.patchEmbed = new PatchEmbed(all.imageSize, all.patchSize, all.inChannels, dim);
    this.clsToken = parameterOf(zeros([1, 1, dim]));
    this.posEmbed = parameterOf(zeros([1, 1 + this.patchEmbed.patches, dim]));
    this.posDrop = new Dropout(all.posDropRate);
    this.blocks = new Sequential();
    for (let i = 0; i < depth; i++) {
      const dropPath = depth === 1 ? 0 : (all.dropPathRate * i) / (depth - 1);
      this.blocks.append(block({ ...all, normLayer }, dropPath));
    }
    this.norm = pool === 'token' ? makeNorm('VisionTransformer', normLayer, dim) : null;
    this.fcNorm = pool === 'avg' ? makeNorm('VisionTransformer', normLayer, dim) : null;
    this.headDrop = new Dropout(all.dropRate);
    const { representationSize } = all;
    this.preLogits = representationSize === null ? null : new Linear(dim, representationSize);
    this.head = new Linear(representationSize ?? dim, all.numClasses);
    truncNormal(this.posEmbed, { std: 0.02 });
    normal_(this.clsToken, 0, 1e-6);
    this.apply(initialize);
  }

  /** The class token and the patches after the blocks, and after the norm that `pool: 'token'` has: (N, 1 + patches, dim). */
  features(x: Tensor): Tensor {
    return scope(() => {
      const patches = this.patchEmbed.forward(x);
      const [n = 0, , dim = 0] = patches.shape;
      const tokens = cat([expand(this.clsToken, [n, 1, dim]), patches], 1);
      const y = this.blocks.forward(this.posDrop.forward(add(tokens, this.posEmbed)));
      return this.norm === null ? y : this.norm.forward(y);
    });
  }

  forward(x: Tensor): Tensor {
    return scope(() => {
      const tokens = this.features(x);
      const pooled = this.fcNorm === null ? select(tokens, 1, 0) : this.fcNorm.forward(mean(slice(tokens, 1, 1), 1));
      const seen = this.preLogits === null ? pooled : tanh(this.preLogits.forward(pooled));
      return this.head.forward(this.headDrop.forward(seen));
    });
  }

  protected override adaptState(loading: Loading, prefix: string): void {
    adaptLayout('VisionTransformer', this, loading, prefix);
    const [name, saved] = [`${prefix}pos_embed`, loading.state.get(`${prefix}pos_embed`)];
    if (!(saved instanceof Tensor) || saved.rank !== 3 || saved.shape[1] === this.posEmbed.shape[1]) return;
    const [height, width] = this.patchEmbed.imageSize;
    loading.complaints.push(
      `${name} is of images of another size: it has ${saved.shape[1]} positions, and this model of ${height} × ${width} images ` +
        `has ${this.posEmbed.shape[1]}; make the model with the checkpoint's imageSize and patchSize.`,
    );
  }
}

type BlockOptions = Required<VisionTransformerOptions> & { readonly normLayer: MakeNorm };

function block(options: BlockOptions, dropPath: number): ResidualBlock<Attention, Mlp> {
  const { dim, numHeads, mlpRatio, qkvBias, qkNorm, layerScale, projDropRate, attnDropRate, normLayer } = options;
  return new ResidualBlock(
    dim,
    new Attention(dim, { numHeads, qkvBias, qkNorm, attnDrop: attnDropRate, projDrop: projDropRate }),
    // As Python's int, but that 12·(50/12) is 50.
    new Mlp(dim, Math.floor(dim * mlpRatio + 1e-6), { drop: projDropRate }),
    { placement: 'pre', normLayer, layerScale, dropPath },
  );
}

function initialize(module: Module): void {
  if (!(module instanceof Linear)) return;
  truncNormal(module.weight, { std: 0.02 });
  if (module.bias !== null) zeros_(module.bias);
}

function pair(name: string, sizes: PerAxis): readonly [number, number] {
  const given: readonly number[] = Array.isArray(sizes) ? sizes : [sizes, sizes];
  const [height = 0, width = 0, ...more] = given;
  checkCount(name, height, 1);
  checkCount(name, width, 1);
  if (more.length === 0) return [height, width];
  throw new KeelError('argument', `${name} is one number or [height, width], got [${String(sizes)}]`, { [name]: sizes });
}

function checkDivides(image: readonly [number, number], patch: readonly [number, number]): void {
  if (image[0] % patch[0] === 0 && image[1] % patch[1] === 0) return;
  throw new KeelError(
    'indivisible',
    `image size (${image.join(', ')}) must be divisible by patch size (${patch.join(', ')}): pad or resize the image`,
    { image, patch },
  );
}
