// A WebAssembly module of two copies, assembled by hand. Imports nothing.

/*
 * (module
 *   (import "" "memory" (memory 1 65536 shared))
 *   (func (export "copy") (param $to i32) (param $from i32) (param $bytes i32)
 *     (memory.copy (local.get $to) (local.get $from) (local.get $bytes)))
 *   (func (export "loop") (param $to i32) (param $from i32) (param $bytes i32) (local $end i32)
 *     (local.set $end (i32.add (local.get $from) (local.get $bytes)))
 *     (loop $turn
 *       (v128.store offset=0..48 (local.get $to) (v128.load offset=0..48 (local.get $from)))  ;; four times
 *       (local.set $to (i32.add (local.get $to) (i32.const 64)))
 *       (br_if $turn (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 64))) (local.get $end))))))
 */

const I32 = 0x7f;
const [TO, FROM, BYTES, END] = [0, 1, 2, 3] as const;
const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const add64 = [0x41, 0xc0, 0x00, 0x6a];
const moved = (offset: number): number[] => [...get(TO), ...get(FROM), 0xfd, 0x00, 4, offset, 0xfd, 0x0b, 4, offset];
const named = (name: string): number[] => [name.length, ...new TextEncoder().encode(name)];
const sized = (id: number, content: readonly number[]): number[] => [id, ...length(content.length), ...content];
const length = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7]);
const body = (content: readonly number[]): number[] => [...length(content.length), ...content];

const copy = [0, ...get(TO), ...get(FROM), ...get(BYTES), 0xfc, 0x0a, 0, 0, 0x0b];
const loop = [
  1, 1, I32,
  ...get(FROM), ...get(BYTES), 0x6a, ...set(END),
  0x03, 0x40,
  ...[0, 16, 32, 48].flatMap(moved),
  ...get(TO), ...add64, ...set(TO),
  ...get(FROM), ...add64, 0x22, FROM, ...get(END), 0x49,
  0x0d, 0,
  0x0b,
  0x0b,
];

/** Exports copy(to, from, bytes) and loop(to, from, bytes), whose bytes are a multiple of 64; imports "" "memory". */
export const copyModule = Uint8Array.from([
  0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  ...sized(1, [1, 0x60, 3, I32, I32, I32, 0]),
  ...sized(2, [1, 0, ...named('memory'), 2, 3, 1, 0x80, 0x80, 0x04]),
  ...sized(3, [2, 0, 0]),
  ...sized(7, [2, ...named('copy'), 0, 0, ...named('loop'), 0, 1]),
  ...sized(10, [2, ...body(copy), ...body(loop)]),
]);
