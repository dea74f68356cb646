// What an inspection says, as JSON can hold it. May import nothing but types of io and nn.

import type { OpenFile } from '../io/load.js';
import type { KeyLayout } from '../nn/blocks/layouts.js';

/**
 * A layer that normalizes, by PyTorch's name. `BatchNorm` and `InstanceNorm` where nothing tells the axes of the input;
 * `LayerNorm2d` over the channels of each pixel, channels first; `weight_norm` and `spectral_norm` act on a weight. DyT,
 * GRN and LayerScale stand where norms do. `PReLU` only beside others that have its one key too.
 */
export type NormKind =
  | 'BatchNorm' | 'BatchNorm1d' | 'BatchNorm2d' | 'BatchNorm3d' | 'InstanceNorm'
  | 'LayerNorm' | 'LayerNorm2d' | 'RMSNorm' | 'GroupNorm' | 'PReLU'
  | 'LocalResponseNorm' | 'LpNormalization' | 'MeanVarianceNormalization'
  | 'weight_norm' | 'spectral_norm' | 'DyT' | 'GRN' | 'LayerScale';

/** What a tensor is to its layer: by its name in PyTorch, or, of a weight that is computed, by its part in that. */
export type TensorRole =
  | 'weight' | 'bias' | 'running_mean' | 'running_var' | 'num_batches_tracked'
  | 'alpha' | 'magnitude' | 'direction' | 'original' | 'u' | 'v';

/** Elements in bins of equal width, from the least finite element to the greatest; all in the first where these are equal. */
export interface Histogram {
  readonly from: number;
  readonly to: number;
  /** Sixteen. */
  readonly counts: readonly number[];
}

/** One tensor of a layer, in figures; computed in float64 over its finite elements, and null where it has none. */
export interface InspectedTensor {
  readonly role: TensorRole;
  /** Its name in the file. */
  readonly key: string;
  readonly shape: readonly number[];
  /** How the file keeps an element: `BF16`, say. */
  readonly format: string;
  /** Number of elements. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  /** The population's standard deviation: √(Σ(x − mean)² / n). */
  readonly deviation: number | null;
  readonly nans: number;
  readonly infinities: number;
  /** Elements of magnitude below 1e-3. */
  readonly nearZero: number;
  readonly histogram: Histogram | null;
}

/** A norm layer of a model. */
export interface InspectedNorm {
  /** Its module, as in the keys: `layer1.0.bn1`; empty for the outermost. */
  readonly path: string;
  /** Its kind, or those that it may be; of many the likeliest: `LayerNorm or GroupNorm`. */
  readonly kind: string;
  /** All that it may be: one, where keys, shapes, graph or configuration tell. */
  readonly candidates: readonly NormKind[];
  /** What tells. */
  readonly evidence: string;
  /** Null where it is not stored, or the layer has none. */
  readonly eps: number | null;
  /** The ONNX graph; a config.json; an ONNX operator's default; or nowhere. */
  readonly epsFrom: 'file' | 'config' | 'default' | 'not stored';
  /** Channels, or elements of its weight where that has several axes; null where it has no tensors. */
  readonly width: number | null;
  /** GroupNorm's groups; null where they are not stored, as in state dicts. */
  readonly groups: number | null;
  /** evenkeel's pattern of the layer, where the kind tells it. */
  readonly pattern: string | null;
  /** The layer whose output it takes, where known: its path, or an ONNX operator without weights. */
  readonly follows: string | null;
  /** The layer that takes its output, likewise. */
  readonly precedes: string | null;
  /**
   * What arithmetic allows for inference: the whole layer goes into the linear or convolution `before` it; its scale and
   * shift into the one `after` it; a computed weight into `itself`; `no`; or `unknown`, where neighbours are.
   */
  readonly foldable: 'before' | 'after' | 'itself' | 'no' | 'unknown';
  /** BatchNorm's counter of batches; null where it has none. */
  readonly batches: number | null;
  /** Its tensors, in the order of {@link TensorRole}. */
  readonly tensors: readonly InspectedTensor[];
}

/**
 * What may be wrong. `gamma-near-zero`: |γ| < 1e-3. `variance-near-eps`: 0 < running_var < 10 eps. `variance-zero`,
 * `variance-negative`. `nan`, `infinity`: in any tensor that was scanned. `never-updated`: running statistics as they were
 * made. `eps-unlike-family`: not the eps that this model is published with. `duplicate-keys`: one layer twice.
 * `missing-keys`: a tensor that the layer, or those like it, have. `shape-mismatch`: tensors that contradict each other.
 */
export type FlagName =
  | 'gamma-near-zero' | 'variance-near-eps' | 'variance-zero' | 'variance-negative' | 'nan' | 'infinity'
  | 'never-updated' | 'eps-unlike-family' | 'duplicate-keys' | 'missing-keys' | 'shape-mismatch';

/** Something that may be wrong, or is. */
export interface Flag {
  readonly name: FlagName;
  /** `error` for what gives wrong numbers or does not load. */
  readonly level: 'warning' | 'error';
  /** The layer's path; null for a tensor of none. */
  readonly path: string | null;
  /** The tensor's key; null where it is about several. */
  readonly tensor: string | null;
  /** How many elements, or null. */
  readonly count: number | null;
  /** The first of them, or null. */
  readonly index: readonly number[] | null;
  /** What, where, how many, and what to do. */
  readonly message: string;
}

/** What {@link inspect} finds: plain data that JSON keeps whole. Fields may be added; these stay. */
export interface Inspection {
  /** Path, URL or file name; null for bytes. */
  readonly file: string | null;
  readonly kind: OpenFile['kind'];
  /** Tensors in the file, and elements in all of them. */
  readonly tensors: number;
  readonly elements: number;
  /** Whose names the keys have; null where no layout is known. */
  readonly layout: KeyLayout | null;
  /** `ai.onnx`'s version, for ONNX; else null. */
  readonly opset: number | null;
  /** Where eps and groups were looked up: the path of a config.json, `given`, or null. */
  readonly config: string | null;
  /** Whether every float tensor was scanned for NaN and infinity, or those of norm layers. */
  readonly scan: 'all' | 'norms';
  /** In the order of the file, numbered modules by number; ONNX: of the graph. */
  readonly layers: readonly InspectedNorm[];
  readonly flags: readonly Flag[];
}
