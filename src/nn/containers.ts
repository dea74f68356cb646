// Sequential and ModuleList: modules under the names 0, 1, 2, ... May import errors, tensor and nn.

import { KeelError, locatedIn } from '../errors.js';
import type { Tensor } from '../tensor.js';
import type { Layer } from './layers.js';
import { checkModule, Module } from './module.js';

/** Modules by position. */
abstract class Indexed<T extends Module> extends Module {
  [index: number]: T;

  get length(): number {
    let length = 0;
    while (this[length] !== undefined) length++;
    return length;
  }

  /** Adds a module at the end. */
  append(module: T): this {
    checkModule(module);
    this[this.length] = module;
    return this;
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let i = 0, module = this[0]; module !== undefined; i++, module = this[i]) yield module;
  }
}

/**
 * Modules one after another: each takes the output of the one before it.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html
 * @example
 * const model = new Sequential(new Linear(4, 8), new LayerNorm(8), new ReLU());
 * model.forward(randn([2, 4])).shape; // [2, 8]
 * model[1]; // the LayerNorm; its keys are 1.weight and 1.bias
 * new Sequential<Linear>(new Linear(4, 8), new Linear(8, 4))[0]?.weight; // of one class: what stands there is known
 */
export class Sequential<T extends Layer = Layer> extends Indexed<T> {
  static readonly type: string = 'Sequential';

  // Not inferred from the first layers, as others may be appended.
  constructor(...layers: readonly NoInfer<T>[]) {
    super();
    for (const layer of layers) this.append(layer);
  }

  forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0, layer = this[0]; layer !== undefined; i++, layer = this[i]) y = through(layer, i, y);
    return y;
  }
}

/** Layer i's output; what it refuses says which layer it was. */
function through(layer: Layer, i: number, x: Tensor): Tensor {
  try {
    return layer.forward(x);
  } catch (error) {
    throw locatedIn(`layer ${i} (${layer.typeName()})`, error);
  }
}

/**
 * A list of modules whose parameters belong to the module that holds it; it computes nothing by itself.
 *
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.ModuleList.html
 * @example
 * new ModuleList([new Linear(4, 4), new Linear(4, 4)]).stateDict(); // 0.weight, 0.bias, 1.weight, 1.bias
 */
export class ModuleList<T extends Module = Module> extends Indexed<T> {
  static readonly type: string = 'ModuleList';

  constructor(modules: readonly T[] = []) {
    super();
    for (const module of modules) this.append(module);
  }

  forward(): never {
    throw new KeelError(
      'argument',
      `Module [${this.typeName()}] is missing the required "forward" function: call the modules that it holds`,
    );
  }

  /** Neighbours with the same text become one line: `(0-1): 2 x Linear(...)`. */
  protected override reprChildren(): [string, string][] {
    const runs: { first: number; count: number; text: string }[] = [];
    [...this].map(String).forEach((text, i) => {
      const last = runs.at(-1);
      if (last?.text === text) last.count++;
      else runs.push({ first: i, count: 1, text });
    });
    return runs.map(({ first, count, text }) =>
      count === 1 ? [`${first}`, text] : [`${first}-${first + count - 1}`, `${count} x ${text}`],
    );
  }
}
