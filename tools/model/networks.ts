// The small networks of test/models that are no model of 'evenkeel/nn' by themselves, under the names of their modules.
// May import 'evenkeel' and 'evenkeel/nn'.

import { Linear, Module, ModuleList, Parameter, RMSNorm, spectralNorm, weightNorm, zeros, type Tensor } from 'evenkeel';
import { Attention, Mlp, ResidualBlock, TransformerEncoder, TransformerEncoderLayer } from 'evenkeel/nn';

/** Sizes of {@link RowEncoder}. */
export interface RowEncoderSizes {
  readonly tokens: number;
  readonly pixels: number;
  readonly classes: number;
  readonly dModel: number;
  readonly heads: number;
  readonly layers: number;
  readonly ff: number;
  readonly dropout: number;
  readonly activation: 'relu' | 'gelu';
  readonly eps: number;
  readonly normFirst: boolean;
}

/** Rows of an image as tokens: projection, learned positions, nn.TransformerEncoder, the mean over tokens, a linear head. */
export class RowEncoder extends Module {
  posEmbed: Parameter;
  inputProj: Linear;
  encoder: TransformerEncoder;
  head: Linear;

  constructor({ tokens, pixels, classes, dModel, heads, layers, ff, ...options }: RowEncoderSizes) {
    super();
    const { eps, dropout, activation, normFirst } = options;
    this.posEmbed = new Parameter(zeros([1, tokens, dModel]));
    this.inputProj = new Linear(pixels, dModel);
    const layer = new TransformerEncoderLayer(dModel, heads, {
      dimFeedforward: ff, dropout, activation, layerNormEps: eps, batchFirst: true, normFirst,
    });
    this.encoder = new TransformerEncoder(layer, layers);
    this.head = new Linear(dModel, classes);
  }

  /** `mask` (N, tokens), true where a token is padding: its key is not attended to, and the mean leaves it out. */
  forward(x: Tensor, mask: Tensor | null = null): Tensor {
    const tokens = this.encoder.forward(this.inputProj.forward(x).add(this.posEmbed), { srcKeyPaddingMask: mask });
    if (mask === null) return this.head.forward(tokens.mean(1));
    const kept = mask.not().to('float32').unsqueeze(-1);
    return this.head.forward(tokens.mul(kept).sum(1).div(kept.sum(1)));
  }
}

/** Sizes of {@link RmsHybrid}. */
export interface RmsHybridSizes {
  readonly tokens: number;
  readonly pixels: number;
  readonly classes: number;
  readonly dim: number;
  readonly heads: number;
  readonly blocks: number;
  readonly mlp: number;
  readonly eps: number;
}

/** Rows of an image as tokens, through blocks y1 = attn(norm1(x)) + x, y = norm2(mlp(y1)) + y1 with RMSNorm. */
export class RmsHybrid extends Module {
  posEmbed: Parameter;
  embed: Linear;
  blocks: ModuleList<ResidualBlock>;
  norm: RMSNorm;
  head: Linear;

  constructor({ tokens, pixels, classes, dim, heads, blocks, mlp, eps }: RmsHybridSizes) {
    super();
    this.posEmbed = new Parameter(zeros([1, tokens, dim]));
    this.embed = new Linear(pixels, dim);
    const attention = () => new Attention(dim, { numHeads: heads, qkvBias: true });
    const normLayer = (width: number) => new RMSNorm(width, { eps });
    const block = () => new ResidualBlock(dim, attention(), new Mlp(dim, mlp), { normLayer, placement: 'hybrid' });
    this.blocks = new ModuleList(Array.from({ length: blocks }, block));
    this.norm = new RMSNorm(dim, { eps });
    this.head = new Linear(dim, classes);
  }

  forward(x: Tensor): Tensor {
    let tokens = this.embed.forward(x).add(this.posEmbed);
    for (const block of this.blocks) tokens = block.forward(tokens);
    return this.head.forward(this.norm.forward(tokens.mean(1)));
  }
}

/** Sizes of {@link WeightNormMlp}. */
export interface WeightNormMlpSizes {
  readonly widths: readonly number[];
  readonly classes: number;
  /** The dim of weight_norm on the first and the third layer. */
  readonly dim1: number | null;
  readonly dim3: number | null;
}

/** Three linear layers with weight_norm, spectral_norm and weight_norm under PyTorch's old keys, and a linear head. */
export class WeightNormMlp extends Module {
  fc1: Linear;
  fc2: Linear;
  fc3: Linear;
  head: Linear;

  constructor({ widths: [w0 = 0, w1 = 0, w2 = 0, w3 = 0], classes, dim1, dim3 }: WeightNormMlpSizes) {
    super();
    this.fc1 = weightNorm(new Linear(w0, w1), { dim: dim1, keys: 'old' });
    this.fc2 = spectralNorm(new Linear(w1, w2), { keys: 'old' });
    this.fc3 = weightNorm(new Linear(w2, w3), { dim: dim3, keys: 'old' });
    this.head = new Linear(w3, classes);
  }

  forward(x: Tensor): Tensor {
    const hidden = [this.fc1, this.fc2, this.fc3].reduce((y, layer) => layer.forward(y).relu(), x);
    return this.head.forward(hidden);
  }
}
