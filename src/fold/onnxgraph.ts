// An ONNX graph while norms are folded into it: nodes that change, who makes and takes each value, and which values are
// constant. May import errors, tensor and io's reader.

import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor, OpenOnnx } from '../io/onnx/model.js';
import type { Tensor } from '../tensor.js';
import type { RealFormat } from './round.js';

/** A node of the folded graph. */
export interface FoldNode {
  /** Its place in the graph that was read; null for one that came. */
  readonly at: number | null;
  readonly name: string;
  readonly opType: string;
  /** '' for ONNX's own. */
  readonly domain: string;
  readonly inputs: string[];
  readonly outputs: string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** A value that is the same in every run. */
export interface Constant {
  /** The value that the node takes. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly format: RealFormat;
  /** Whether it is an initializer that nobody else takes, so that it may be replaced under its name. */
  readonly isOwn: boolean;
  /** Its elements: folded already, or in the model. */
  readonly elements: Tensor | OnnxTensor;
}

/** What an initializer is now: one that came, or that took the place of another. */
export interface NewInitializer {
  readonly tensor: Tensor;
  readonly format: RealFormat;
}

export class FoldGraph {
  /** As they were read. */
  readonly nodes: readonly FoldNode[];
  /** By name; those that are not here are as they were. */
  readonly changed = new Map<string, NewInitializer>();
  /** Initializers that nobody takes any more. */
  readonly removed = new Set<string>();
  /** Values that are made no more. */
  readonly gone = new Set<string>();
  readonly #graph: OnnxGraph;
  readonly #isConstant: (initializer: string) => boolean;
  readonly #makers = new Map<string, FoldNode>();
  /** How often each node takes a value. */
  readonly #takers = new Map<string, Map<FoldNode, number>>();
  readonly #out = new Set<FoldNode>();
  readonly #added = new Map<FoldNode, FoldNode[]>();
  /** Values that leave the graph, or that graphs inside nodes take. */
  readonly #seen = new Set<string>();
  readonly #names = new Set<string>();
  /** How far the numbers behind a name have come. */
  readonly #tries = new Map<string, number>();

  constructor({ graph, irVersion }: OpenOnnx) {
    this.#graph = graph;
    const inputs = new Set(graph.inputs.map(({ name }) => name));
    // From version 4 on an initializer that is an input too is only its default; before, all had to be.
    this.#isConstant = (name) => graph.initializers.has(name) && (irVersion < 4 || !inputs.has(name));
    this.nodes = graph.nodes.map((node, at) => ({ ...node, at, inputs: [...node.inputs], outputs: [...node.outputs] }));
    for (const node of this.nodes) this.#enter(node);
    for (const { name } of graph.outputs) this.#seen.add(name);
    for (const name of [...inputs, ...graph.initializers.keys(), ...this.#seen]) this.#names.add(name);
    for (const { attributes } of graph.nodes) this.#enterInner(attributes);
  }

  /** The node that makes a value; null for inputs, initializers and ''. */
  maker(value: string | undefined): FoldNode | null {
    return this.#makers.get(value ?? '') ?? null;
  }

  /** The nodes that take a value. */
  takers(value: string): FoldNode[] {
    return [...(this.#takers.get(value)?.keys() ?? [])];
  }

  /** How many nodes take a value. */
  takerCount(value: string): number {
    return this.#takers.get(value)?.size ?? 0;
  }

  /** Whether a value leaves the graph, or a graph inside a node takes it. */
  isSeen(value: string): boolean {
    return this.#seen.has(value);
  }

  /** The one node that takes a value; null where there are others, or none. */
  onlyTaker(value: string): FoldNode | null {
    const takers = this.#takers.get(value);
    if (takers?.size !== 1 || this.isSeen(value)) return null;
    const [[taker, times] = [null, 0]] = takers;
    return times === 1 ? taker : null;
  }

  /** What a node takes there, if it is constant and of real numbers; PyTorch passes equal tensors on by Identity. */
  constant(node: FoldNode, slot: number): Constant | null {
    const name = node.inputs[slot] ?? '';
    const source = this.#source(name);
    const maker = this.maker(source);
    const value = maker?.opType === 'Constant' && maker.domain === '' ? maker.attributes.get('value') : undefined;
    const initializer = this.#isConstant(source) ? this.#graph.initializers.get(source) : undefined;
    const stored = value?.kind === 'tensor' ? value.value : initializer;
    const now = this.changed.get(source);
    const elements = now?.tensor ?? stored;
    const format = now?.format ?? stored?.format ?? null;
    if (elements === undefined || !isReal(format)) return null;
    const isOwn = source === name && maker === null && this.onlyTaker(name) !== null;
    return { name: source, shape: elements.shape, format, isOwn, elements };
  }

  /** A name that nothing has yet. */
  freshName(base: string): string {
    let count = this.#tries.get(base) ?? 1;
    let name = base;
    for (; this.#names.has(name); name = `${base}_${count}`) count++;
    this.#tries.set(base, count);
    this.#names.add(name);
    return name;
  }

  /** Gives a node an initializer, in the place of the one that only it takes, or under a new name. */
  setConstant(node: FoldNode, slot: number, value: NewInitializer, name: string): void {
    const before = this.constant(node, slot);
    const own = before?.isOwn === true ? before.name : this.freshName(name);
    this.changed.get(own)?.tensor.dispose();
    this.changed.set(own, value);
    if (own !== before?.name) this.setInput(node, slot, own);
  }

  setInput(node: FoldNode, slot: number, value: string): void {
    const before = node.inputs[slot] ?? '';
    // Optional inputs that were left out at the end.
    while (node.inputs.length < slot) node.inputs.push('');
    this.#untake(before, node);
    node.inputs[slot] = value;
    this.#take(value, node);
    this.#drop([before]);
  }

  /** Has a node make this value in place of its first output, which is gone. */
  setOutput(node: FoldNode, value: string): void {
    this.gone.add(node.outputs[0] ?? '');
    this.#makers.delete(node.outputs[0] ?? '');
    node.outputs[0] = value;
    this.#makers.set(value, node);
    this.gone.delete(value);
  }

  insertAfter(node: FoldNode, added: FoldNode): void {
    this.#added.set(node, [added, ...(this.#added.get(node) ?? [])]);
    this.#enter(added);
  }

  /** The nodes as they are now, in topological order. */
  result(): FoldNode[] {
    const chain = (node: FoldNode): FoldNode[] => [node, ...(this.#added.get(node) ?? []).flatMap(chain)];
    return this.nodes.flatMap(chain).filter((node) => !this.#out.has(node));
  }

  /** Takes a node out, and then whatever was made for it alone. */
  remove(node: FoldNode): void {
    this.#forget(node);
    this.#drop(node.inputs);
  }

  #forget(node: FoldNode): void {
    this.#out.add(node);
    for (const name of node.inputs) this.#untake(name, node);
    for (const name of node.outputs) {
      // Another node may make it by now.
      if (this.#makers.get(name) !== node) continue;
      this.#makers.delete(name);
      this.gone.add(name);
    }
  }

  /** Values that lost a taker: those without any are no more, if they are constant. */
  #drop(values: readonly string[]): void {
    const queue = [...values];
    for (const value of queue) {
      if (value === '' || this.isSeen(value) || this.takerCount(value) > 0) continue;
      const maker = this.maker(value);
      if (maker === null) {
        if (this.#isConstant(value) || this.changed.has(value)) this.removed.add(value);
      } else if (maker.domain === '' && ['Identity', 'Constant'].includes(maker.opType)) {
        this.#forget(maker);
        queue.push(...maker.inputs);
      }
    }
  }

  /** The value before identities. */
  #source(name: string): string {
    let at = name;
    for (let step = 0; step < MOST_IDENTITIES; step++) {
      const maker = this.maker(at);
      if (maker === null || maker.opType !== 'Identity' || maker.domain !== '') break;
      at = maker.inputs[0] ?? '';
    }
    return at;
  }

  #enter(node: FoldNode): void {
    this.#names.add(node.name);
    for (const name of node.inputs) this.#take(name, node);
    for (const name of node.outputs) {
      if (name !== '') this.#makers.set(name, node);
      this.#names.add(name);
      this.gone.delete(name);
    }
  }

  #take(name: string, node: FoldNode): void {
    if (name === '') return;
    const takers = this.#takers.get(name) ?? new Map<FoldNode, number>();
    this.#takers.set(name, takers.set(node, (takers.get(node) ?? 0) + 1));
    this.removed.delete(name);
  }

  #untake(name: string, node: FoldNode): void {
    const takers = this.#takers.get(name);
    const times = takers?.get(node) ?? 0;
    if (times > 1) takers?.set(node, times - 1);
    else takers?.delete(node);
  }

  /** Every name in graphs inside nodes: what they take from outside is among them. */
  #enterInner(attributes: ReadonlyMap<string, OnnxAttribute>): void {
    for (const node of innerNodes(attributes)) {
      for (const name of [...node.inputs, ...node.outputs]) {
        this.#seen.add(name);
        this.#names.add(name);
      }
    }
    for (const { outputs, initializers } of innerGraphs(attributes)) {
      for (const name of [...outputs.map((output) => output.name), ...initializers.keys()]) {
        this.#seen.add(name);
        this.#names.add(name);
      }
    }
  }
}

/** In a row; a long one would be walked from each of its ends. */
const MOST_IDENTITIES = 16;

/** The graphs inside a node, at any depth: the reader bounds it. */
function innerGraphs(attributes: ReadonlyMap<string, OnnxAttribute>): OnnxGraph[] {
  return [...attributes.values()].flatMap((attribute) => {
    const graphs = attribute.kind === 'graph' ? [attribute.value] : attribute.kind === 'graphs' ? attribute.value : [];
    return graphs.flatMap((graph) => [graph, ...graph.nodes.flatMap((node) => innerGraphs(node.attributes))]);
  });
}

/** The nodes of those. */
export function innerNodes(attributes: ReadonlyMap<string, OnnxAttribute>): OnnxNode[] {
  return innerGraphs(attributes).flatMap(({ nodes }) => nodes);
}

function isReal(format: string | null): format is RealFormat {
  return format === 'F32' || format === 'F64' || format === 'F16' || format === 'BF16';
}
