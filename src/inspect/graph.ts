// An ONNX graph by its values: who makes each, who takes it, which are constant. May import io and tensor.

import type { OnnxGraph, OnnxNode, OnnxTensor, OpenOnnx } from '../io/onnx/model.js';
import { sizeOf } from '../tensor.js';

/** A constant, and whether nodes on the way give it other axes. */
export interface Constant {
  readonly key: string;
  readonly tensor: OnnxTensor;
  readonly isReshaped: boolean;
}

/** Nodes that pass their first input on as it is, or as other floats. */
const casts = ['Identity', 'Cast', 'CastLike'];

/** Nodes that give a constant other axes. */
const reshapes = ['Unsqueeze', 'Squeeze', 'Reshape', 'Flatten'];

/** Chains of nodes that change nothing are shorter; a hostile one would be walked again from each of its ends. */
const MOST_STEPS = 16;

/** Elements of the constants whose values are looked at: axes, shapes, eps. */
const MOST_VALUES = 64;

/** One graph of a model, within those that its nodes stand in. */
export class Graph {
  readonly nodes: readonly OnnxNode[];
  readonly #graph: OnnxGraph;
  readonly #outer: Graph | null;
  readonly #read: OpenOnnx['read'];
  readonly #makers = new Map<string, OnnxNode>();
  readonly #takers = new Map<string, OnnxNode[]>();
  readonly #outputs: ReadonlySet<string>;

  constructor(graph: OnnxGraph, read: OpenOnnx['read'], outer: Graph | null = null) {
    this.nodes = graph.nodes;
    this.#graph = graph;
    this.#outer = outer;
    this.#read = read;
    this.#outputs = new Set(graph.outputs.map(({ name }) => name));
    for (const node of graph.nodes) {
      for (const name of node.outputs) if (name !== '') this.#makers.set(name, node);
      for (const name of new Set(node.inputs)) {
        const takers = this.#takers.get(name) ?? [];
        takers.push(node);
        this.#takers.set(name, takers);
      }
    }
  }

  /** The graphs of this one's nodes: branches, bodies of loops. */
  inner(): Graph[] {
    return this.nodes.flatMap(({ attributes }) =>
      [...attributes.values()].flatMap((attribute) => {
        const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
        return graphs.map((graph) => new Graph(graph, this.#read, this));
      }),
    );
  }

  /** The value before casts and identities. */
  origin(value: string): string {
    let at = value;
    for (let step = 0; step < MOST_STEPS; step++) {
      const maker = this.#makers.get(at);
      const [input] = maker?.inputs ?? [];
      if (maker === undefined || input === undefined || !isOnnx(maker, casts)) return at;
      at = input;
    }
    return at;
  }

  /** The node that makes a value, casts left out; null for inputs and constants. */
  maker(value: string | undefined): OnnxNode | null {
    return value === undefined ? null : (this.#makers.get(this.origin(value)) ?? null);
  }

  /** The nodes that take a value, casts left out; no more than so many. */
  takers(value: string | undefined, most = Infinity): OnnxNode[] {
    const found: OnnxNode[] = [];
    const queue = value === undefined ? [] : [value];
    for (let step = 0; step < queue.length && step < MOST_STEPS; step++) {
      for (const node of this.#takers.get(queue[step] ?? '') ?? []) {
        if (found.length === most) return found;
        if (isOnnx(node, casts)) queue.push(...node.outputs.slice(0, 1));
        else found.push(node);
      }
    }
    return found;
  }

  /** Whether a value leaves the graph. */
  isOutput(value: string): boolean {
    return this.#outputs.has(value);
  }

  /** The constant that a value is, of this graph or one around it; its axes may be others. */
  constant(value: string | undefined): Constant | null {
    let at = value ?? '';
    let isReshaped = false;
    for (let step = 0; step < MOST_STEPS; step++) {
      const initializer = this.#graph.initializers.get(at);
      if (initializer !== undefined) return { key: at, tensor: initializer, isReshaped };
      const maker = this.#makers.get(at);
      if (maker === undefined) {
        const outer = this.#outer?.constant(at) ?? null;
        return outer === null ? null : { ...outer, isReshaped: isReshaped || outer.isReshaped };
      }
      const held = maker.opType === 'Constant' ? maker.attributes.get('value') : undefined;
      if (held?.kind === 'tensor') return { key: at, tensor: held.value, isReshaped };
      const [input = ''] = maker.inputs;
      if (!isOnnx(maker, casts) && !isOnnx(maker, reshapes)) return null;
      isReshaped ||= isOnnx(maker, reshapes);
      at = input;
    }
    return null;
  }

  /** The numbers of a small constant; null for what is none. */
  async numbers(value: string | undefined): Promise<readonly number[] | null> {
    const maker = this.maker(value);
    for (const name of ['value_float', 'value_int', 'value_floats', 'value_ints']) {
      const held = maker?.opType === 'Constant' ? maker.attributes.get(name) : undefined;
      if (held?.kind === 'float' || held?.kind === 'int') return [Number(held.value)];
      if (held?.kind === 'floats' || held?.kind === 'ints') return held.value.slice(0, MOST_VALUES).map(Number);
    }
    const constant = this.constant(value);
    if (constant === null || constant.tensor.dtype === null || sizeOf(constant.tensor.shape) > MOST_VALUES) return null;
    const x = await this.#read(constant.tensor);
    const numbers = Array.from(x.data, Number);
    x.dispose();
    return numbers;
  }

  /** Axes of a value, where the file says. */
  rank(value: string): number | null {
    const { values, inputs } = this.#graph;
    this.#ranks ??= new Map([...values, ...inputs].map(({ name, shape }) => [name, shape?.length ?? null]));
    return this.#ranks.get(value) ?? null;
  }

  #ranks: Map<string, number | null> | null = null;
}

/** Whether a node is one of ONNX's own operators of these names. */
export function isOnnx(node: OnnxNode | null, names: readonly string[]): boolean {
  return node !== null && node.domain === '' && names.includes(node.opType);
}

/** A number among a node's attributes. */
export function numberOf({ attributes }: OnnxNode, name: string): number | null {
  const attribute = attributes.get(name);
  return attribute?.kind === 'float' || attribute?.kind === 'int' ? Number(attribute.value) : null;
}

/** Whole numbers among a node's attributes. */
export function listOf({ attributes }: OnnxNode, name: string): readonly number[] | null {
  const attribute = attributes.get(name);
  return attribute?.kind === 'ints' ? attribute.value.map(Number) : null;
}
