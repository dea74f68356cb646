// The residual block of two sublayers, with one option for where its norms stand. May import errors, ops, tensor and nn.

import { KeelError, showGiven } from '../../errors.js';
import { add, mul } from '../../ops/elementwise.js';
import { sameShape, scope, type Tensor } from '../../tensor.js';
import { checkOperands, checkProbability, optionsOf, pythonNumber } from '../check.js';
import { DropPath } from '../drop.js';
import { Identity, type Layer } from '../layers.js';
import { checkModule, Module } from '../module.js';
import { LayerNorm } from '../norm.js';
import { LayerScale } from '../scale.js';
import { addNorm } from './addnorm.js';
import { makeNorm, type MakeNorm } from './normlayer.js';

/** Where the norms of a {@link ResidualBlock} stand. */
export type Placement = 'post' | 'pre' | 'branch' | 'sandwich' | 'hybrid' | 'deepnorm' | 'parallel';

/** Options of {@link ResidualBlock}. */
export interface ResidualBlockOptions {
  /** Where the norms stand. Default `pre`. */
  readonly placement?: Placement;
  /** Makes each norm. Default {@link LayerNorm} of the channels. */
  readonly normLayer?: MakeNorm;
  /** What x is scaled by before it is added, for `deepnorm` alone; {@link deepNormConstants} has it. */
  readonly alpha?: number | null;
  /** What the factors of a {@link LayerScale} on each branch are at first. Default null: no such layers. */
  readonly layerScale?: number | null;
  /** Probability that a {@link DropPath} leaves a branch out, in training. Default 0. */
  readonly dropPath?: number;
}

/**
 * Two sublayers, each with a residual, and their norms by the placement:
 *
 *     post      y1 = norm1(x + attn(x));             y = norm2(y1 + mlp(y1))              Transformer (2017), BERT
 *     pre       y1 = x + attn(norm1(x));             y = y1 + mlp(norm2(y1))              GPT-2, ViT, Swin
 *     branch    y1 = x + norm1(attn(x));             y = y1 + norm2(mlp(y1))              Swin V2
 *     sandwich  y1 = x + norm1Post(attn(norm1(x)));  y = y1 + norm2Post(mlp(norm2(y1)))   CogView, Gemma 2
 *     hybrid    y1 = attn(norm1(x)) + x;             y = norm2(mlp(y1)) + y1
 *     deepnorm  y1 = norm1(α·x + attn(x));           y = norm2(α·y1 + mlp(y1))            DeepNet
 *     parallel  y = x + attn(norm1(x)) + mlp(norm1(x))                                    GPT-J, PaLM
 *
 * Each branch goes through `ls1` or `ls2` and `dropPath1` or `dropPath2` before it is added. A sum that a norm follows is
 * one sweep with it: {@link addNorm}.
 *
 * State, in timm's order: `norm1`, `attn`, `ls1`, `norm2`, `mlp`, `ls2`, and `norm1_post`, `norm2_post` in a sandwich;
 * `parallel` has nothing at `norm2`.
 *
 * @param dim channels, which `normLayer` and the scales get
 * @param attn any module from (N, *, dim), or another layout that the norms take, to the same shape
 * @param mlp as `attn`
 * @throws KeelError [argument] for an unknown placement, a deepnorm without alpha or an alpha without deepnorm, a dropPath
 *   outside 0..1; [shape] for a sublayer whose output has another shape than its input.
 * @see https://arxiv.org/abs/1706.03762
 * @see https://arxiv.org/abs/2002.04745 (pre and post)
 * @see https://arxiv.org/abs/2111.09883 (branch)
 * @see https://arxiv.org/abs/2105.13290 (sandwich)
 * @see https://arxiv.org/abs/2203.00555 (deepnorm)
 * @see https://arxiv.org/abs/2204.02311 (parallel)
 * @example
 * const block = new ResidualBlock(32, new Linear(32, 32), new Mlp(32, 128), { placement: 'hybrid' });
 * block.forward(randn([2, 16, 32])).shape; // [2, 16, 32]
 */
export class ResidualBlock<Attn extends Layer = Layer, Feed extends Layer = Layer> extends Module {
  static readonly type: string = 'ResidualBlock';

  readonly placement: Placement;
  readonly alpha: number;
  norm1: Layer;
  attn: Attn;
  norm1Post: Layer | undefined;
  ls1: Layer;
  dropPath1: Layer;
  norm2: Layer;
  mlp: Feed;
  norm2Post: Layer | undefined;
  ls2: Layer;
  dropPath2: Layer;

  constructor(dim: number, attn: Attn, mlp: Feed, options: ResidualBlockOptions = {}) {
    super();
    const { placement, normLayer, alpha, layerScale, dropPath } = optionsOf(new.target.name, options, {
      placement: 'pre',
      normLayer: (channels) => new LayerNorm(channels),
      alpha: null,
      layerScale: null,
      dropPath: 0,
    });
    checkPlacement(placement);
    checkProbability('drop', dropPath);
    for (const sublayer of [attn, mlp]) checkModule(sublayer);
    const norm = () => makeNorm('ResidualBlock', normLayer, dim);
    const scale = () => (layerScale === null ? new Identity() : new LayerScale(dim, { initValues: layerScale }));
    const drop = () => (dropPath === 0 ? new Identity() : new DropPath(dropPath));
    this.placement = placement;
    this.alpha = alphaFor(placement, alpha);
    this.norm1 = norm();
    this.attn = attn;
    if (placement === 'sandwich') this.norm1Post = norm();
    this.ls1 = scale();
    this.dropPath1 = drop();
    this.norm2 = placement === 'parallel' ? new Identity() : norm();
    this.mlp = mlp;
    if (placement === 'sandwich') this.norm2Post = norm();
    this.ls2 = scale();
    this.dropPath2 = drop();
  }

  forward(x: Tensor): Tensor {
    checkOperands('ResidualBlock', x);
    return scope(() => this.arranged(x));
  }

  private arranged(x: Tensor): Tensor {
    const { placement, norm1, norm2, norm1Post, norm2Post } = this;
    switch (placement) {
      case 'post':
      case 'deepnorm': {
        const y1 = addNorm(norm1, this.attended(x), this.scaled(x)).y;
        return addNorm(norm2, this.fedForward(y1), this.scaled(y1)).y;
      }
      case 'pre':
      case 'sandwich': {
        const { sum: y1, y: h } = addNorm(norm2, this.attended(norm1.forward(x), norm1Post), x);
        return add(y1, this.fedForward(h, norm2Post));
      }
      case 'branch': {
        const y1 = add(x, this.attended(x, norm1));
        return add(y1, this.fedForward(y1, norm2));
      }
      case 'hybrid': {
        const y1 = add(this.attended(norm1.forward(x)), x);
        return add(this.fedForward(y1, norm2), y1);
      }
      case 'parallel': {
        const h = norm1.forward(x);
        return add(add(x, this.attended(h)), this.fedForward(h));
      }
    }
  }

  /** The first branch up to where it is added, with the norm that stands on it. */
  private attended(h: Tensor, norm?: Layer): Tensor {
    return branch('attn', h, [this.attn, norm, this.ls1, this.dropPath1]);
  }

  private fedForward(h: Tensor, norm?: Layer): Tensor {
    return branch('mlp', h, [this.mlp, norm, this.ls2, this.dropPath2]);
  }

  private scaled(x: Tensor): Tensor {
    return this.alpha === 1 ? x : mul(x, this.alpha);
  }

  protected override extraRepr(): string {
    const { placement, alpha } = this;
    return `placement=${placement}${placement === 'deepnorm' ? `, alpha=${pythonNumber(alpha)}` : ''}`;
  }
}

/** The layers of a branch one after another, from h to a result of its shape: a sum would broadcast another. */
function branch(name: string, h: Tensor, layers: readonly (Layer | undefined)[]): Tensor {
  const y = layers.reduce((value, layer) => layer?.forward(value) ?? value, h);
  if (sameShape(y.shape, h.shape)) return y;
  throw new KeelError(
    'shape',
    `ResidualBlock: ${name} made [${y.shape.join(', ')}] of [${h.shape.join(', ')}]: a residual needs a sublayer that ` +
      'keeps the shape',
    { sublayer: name, input: h.shape, output: y.shape },
  );
}

/** What each placement computes. */
const formulas: Readonly<Record<Placement, string>> = {
  post: 'y1 = norm1(x + attn(x)); y = norm2(y1 + mlp(y1))',
  pre: 'y1 = x + attn(norm1(x)); y = y1 + mlp(norm2(y1))',
  branch: 'y1 = x + norm1(attn(x)); y = y1 + norm2(mlp(y1))',
  sandwich: 'y1 = x + norm1Post(attn(norm1(x))); y = y1 + norm2Post(mlp(norm2(y1)))',
  hybrid: 'y1 = attn(norm1(x)) + x; y = norm2(mlp(y1)) + y1',
  deepnorm: 'y1 = norm1(α·x + attn(x)); y = norm2(α·y1 + mlp(y1))',
  parallel: 'y = x + attn(norm1(x)) + mlp(norm1(x))',
};

function checkPlacement(placement: Placement): void {
  if (Object.hasOwn(formulas, placement)) return;
  const list = Object.entries(formulas).map(([name, formula]) => `\n  ${name.padEnd(8)}  ${formula}`);
  const message = `ResidualBlock has no placement ${showGiven(placement)}: choose from${list.join('')}`;
  throw new KeelError('argument', message, { placement, known: Object.keys(formulas) });
}

/** α of deepnorm, and 1 for the placements that have none. */
function alphaFor(placement: Placement, alpha: number | null): number {
  if (placement === 'deepnorm') {
    if (alpha !== null && Number.isFinite(alpha)) return alpha;
    const message = `placement deepnorm needs a finite alpha, got ${String(alpha)}: deepNormConstants() has it`;
    throw new KeelError('argument', message, { alpha });
  }
  if (alpha === null) return 1;
  const message = `placement ${placement} has no alpha, got ${alpha}: choose deepnorm`;
  throw new KeelError('argument', message, { placement, alpha });
}
