// Tensors in the WASM memory, and the addresses that kernels see of them. May import errors, kernels and the reference backend.

import { KeelError } from '../../errors.js';
import type { Data, DType } from '../kernels.js';
import { alloc as allocArray } from '../reference/reference.js';
import { machine } from './machine.js';

/** The elements of a tensor: at an address, or in an array of their own once tensors have reached the memory's limit. */
export interface Block {
  readonly dtype: DType;
  readonly length: number;
  readonly bytes: number;
  /** 0 for an array of its own. */
  readonly address: number;
  elements: Data | null;
}

const bytesOf: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int64: 8, bool: 1 };

/** A block for elements that are still to be written. */
export function alloc(dtype: DType, length: number): Block {
  const bytes = Math.max(1, length * bytesOf[dtype]);
  const address = machine().alloc(bytes);
  const block = { dtype, length, bytes, address, elements: null };
  return address === 0 ? { ...block, elements: allocArray(dtype, length) } : block;
}

/** Gives a block's memory back. */
export function free({ address, bytes }: Block, forgotten: boolean): void {
  if (address === 0) return;
  machine().free(address, bytes);
  if (forgotten) machine().reconsiderLimit();
}

/** The elements, valid until something allocates. */
export function view(block: Block): Data {
  const { buffer } = machine();
  const { elements, address, length, dtype } = block;
  if (elements !== null && (address === 0 || elements.buffer === buffer)) return elements;
  block.elements = viewOf(dtype, buffer, address, length);
  return block.elements;
}

function viewOf(dtype: DType, buffer: ArrayBufferLike, address: number, length: number): Data {
  // Kernels and tensors make no difference between memory that is shared and memory that is not.
  const memory = buffer as ArrayBuffer;
  switch (dtype) {
    case 'float32':
      return new Float32Array(memory, address, length);
    case 'int64':
      return new BigInt64Array(memory, address, length);
    case 'bool':
      return new Uint8Array(memory, address, length);
    case 'float64':
      throw new KeelError('dtype', 'float64 lives on the reference backend', { dtype });
  }
}

/** Copies elements of one type. */
export function copy(target: Data, data: Data): void {
  // Equal element types by the caller's check; set() takes each pair but not the union.
  (target as Float64Array).set(data as Float64Array);
}

/** The addresses of one call's operands. Those in arrays of their own are staged through temporary memory. */
export class Operands {
  readonly machine = machine();
  readonly #staged: { readonly address: number; readonly block: Block }[] = [];

  /** Of what a kernel reads; 0 for none. */
  input(block: Block | null): number {
    if (block === null || block.address !== 0) return block?.address ?? 0;
    const address = this.machine.temporary(block.bytes);
    this.#copyIn(address, block);
    return address;
  }

  /** Of what a kernel writes throughout; 0 for none. */
  output(block: Block | null): number {
    if (block === null || block.address !== 0) return block?.address ?? 0;
    const address = this.machine.temporary(block.bytes);
    this.#staged.push({ address, block });
    return address;
  }

  /** Of what a kernel writes in part. */
  update(block: Block): number {
    const address = this.output(block);
    if (block.address === 0) this.#copyIn(address, block);
    return address;
  }

  #copyIn(address: number, block: Block): void {
    copy(viewOf(block.dtype, this.machine.buffer, address, block.length), view(block));
  }

  /** Copies staged results back. */
  finish(): void {
    for (const { address, block } of this.#staged) {
      copy(view(block), viewOf(block.dtype, this.machine.buffer, address, block.length));
    }
  }
}

/** Runs a kernel's driver on the addresses of its operands. */
export function withOperands<T>(run: (operands: Operands) => T): T {
  const operands = new Operands();
  try {
    const result = run(operands);
    operands.finish();
    return result;
  } finally {
    operands.machine.settle();
  }
}
