// The allocator under the WASM tensors: blocks never overlap, come back, and are put together when sizes change.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from '../src/kernels/wasm/heap.js';

const START = 4096;
const MOST = 64 << 20;

function grounded(most = MOST): { heap: Heap; ground: { bytes: number } } {
  const ground = {
    bytes: 1 << 20,
    grow(bytes: number) {
      if (bytes > most) return false;
      ground.bytes = Math.ceil(bytes / 65_536) * 65_536;
      return true;
    },
  };
  return { heap: new Heap(ground, START), ground };
}

const step = fc.record({ bytes: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 1, max: 3 << 20 })), drop: fc.nat() });

test('blocks are aligned, inside the memory and never overlap', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { heap, ground } = grounded();
      const live: { address: number; bytes: number }[] = [];
      for (const { bytes, drop } of steps) {
        const address = heap.alloc(bytes, MOST);
        if (address !== 0) {
          expect(address % 64).toBe(0);
          expect(address).toBeGreaterThanOrEqual(START);
          expect(address + bytes).toBeLessThanOrEqual(ground.bytes);
          for (const other of live) {
            expect(address + bytes <= other.address || other.address + other.bytes <= address).toBe(true);
          }
          live.push({ address, bytes });
        }
        if (drop % 3 === 0) {
          const [gone] = live.splice(drop % Math.max(1, live.length), 1);
          if (gone) heap.free(gone.address, gone.bytes);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test('a block that comes back serves the next of its size', () => {
  const { heap } = grounded();
  const address = heap.alloc(100_000, MOST);
  heap.free(address, 100_000);
  expect(heap.alloc(100_000, MOST)).toBe(address);
});

test('what lies idle in small blocks serves a large one', () => {
  const { heap, ground } = grounded(8 << 20);
  const small = Array.from({ length: 60 }, () => heap.alloc(100_000, MOST));
  expect(heap.alloc(6 << 20, MOST)).toBe(0);
  for (const address of small) heap.free(address, 100_000);
  expect(heap.alloc(6 << 20, MOST)).not.toBe(0);
  expect(ground.bytes).toBeLessThanOrEqual(8 << 20);
});

test('large blocks in turn do not share offsets in a page', () => {
  const { heap } = grounded();
  const offsets = Array.from({ length: 8 }, () => heap.alloc(1 << 20, MOST) % 4096);
  expect(new Set(offsets).size).toBe(8);
});

test('a limit holds, and 0 leaves everything as it was', () => {
  const { heap } = grounded();
  const first = heap.alloc(1 << 20, 2 << 20);
  expect(heap.alloc(4 << 20, 2 << 20)).toBe(0);
  heap.free(first, 1 << 20);
  expect(heap.alloc(1 << 20, 2 << 20)).toBe(first);
});
