// Before the rows: memory of the WASM backend starts as NaN (and as -1, and as true), so that a kernel that leaves an
// element unwritten, or reads one that nobody wrote, is seen. Fresh memory is zeros, which hide both.
import { Machine } from '../src/kernels/wasm/machine.js';

for (const name of ['alloc', 'temporary'] as const) {
  const original = Machine.prototype[name];
  Machine.prototype[name] = function poisoned(this: Machine, bytes: number): number {
    const address = original.call(this, bytes);
    if (address !== 0) new Uint8Array(this.buffer, address, bytes).fill(0xff);
    return address;
  };
}
