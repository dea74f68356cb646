// An ONNX model as it is described: graph, nodes, attributes, initializers. May import tensor.

import type { Tensor } from '../../tensor.js';
import type { Format } from '../elements.js';

/** What an ONNX file says of its model; elements of tensors are read when they are asked for. */
export interface OnnxModel {
  readonly irVersion: number;
  /** The program that wrote it, and its version: `pytorch 2.13.0`. */
  readonly producer: string;
  /** Version of each domain's operators; ONNX's own domain is ''. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
  readonly metadata: Readonly<Record<string, string>>;
  /** How many functions of its own the model has, which are not read. */
  readonly functions: number;
}

export interface OnnxGraph {
  readonly name: string;
  /** In topological order, as ONNX asks; this is not checked. */
  readonly nodes: readonly OnnxNode[];
  /** By name, in the file's order. */
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
  /** What is known of the values between. */
  readonly values: readonly OnnxValueInfo[];
}

/** Name, type and shape of a value. */
export interface OnnxValueInfo {
  readonly name: string;
  /** ONNX's name of the element type, such as `FLOAT`; `UNDEFINED` for what is no tensor. */
  readonly elementType: string;
  /** Null where the rank is unknown; in it a name for an extent that is free, null for one that is unknown. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** '' for ONNX's own operators, also where the file says `ai.onnx`. */
  readonly domain: string;
  /** '' where an optional input is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An attribute of a node by its kind; whole numbers beyond 2⁵³ are bigints. */
export type OnnxAttribute =
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: OnnxTensor }
  | { readonly kind: 'graph'; readonly value: OnnxGraph }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly OnnxTensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly OnnxGraph[] }
  /** An attribute of the function that the node stands in, by its name. */
  | { readonly kind: 'reference'; readonly value: string }
  /** What is not read, by ONNX's name of its type: `SPARSE_TENSOR`, `TYPE_PROTO`, a `STRING` that is no text. */
  | { readonly kind: 'unread'; readonly value: string };

/** A tensor in the file or beside it, not read yet. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** ONNX's name of the element type: `FLOAT`, `BFLOAT16`, `UINT4`. */
  readonly elementType: string;
  /** Of the tensor that is read; null where none of ours holds such elements, and reading is refused. */
  readonly dtype: Tensor['dtype'] | null;
  /** How the file keeps an element, as `TensorEntry` says it; null with `dtype`. */
  readonly format: Format | null;
  /** The file beside the model that has the elements; null where the model's own has them. */
  readonly location: string | null;
}

/** A model whose tensors are read when they are asked for. */
export interface OpenOnnx extends OnnxModel {
  /**
   * The elements of an initializer of the graph, by its name, or of any tensor of the model; nothing else is read.
   *
   * @throws KeelError [argument] for a name that is none of the initializers, or a tensor of another model; [file] where
   *   it cannot be read or no tensor holds its elements; [disposed] once closed.
   */
  read(tensor: string | OnnxTensor): Promise<Tensor>;
  /** Lets go of the file. */
  close(): Promise<void>;
}
