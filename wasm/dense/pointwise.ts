// Elementwise functions of strided operands. All run as one loop over whole vectors for each function, on operands as they
// lie or, where they do not lie so, on short copies: an element's bits never depend on its neighbours or on a split.

import { sweep } from './sweep';

/** Elements of a short copy. */
const TILE = 1024;
/** Shortest rows that are worth a tile of their own. */
const SHORT = 48;
const BOOL = 1;
const MOST_AXES = 8;
const OPERANDS = 4;

// What a kernel is told in slots of eight bytes, from `args`.
const OP = 0, AXES = 1, COUNT = 2, ADDRESS = 3, TYPE = ADDRESS + OPERANDS, FLAT = TYPE + OPERANDS;
const SHAPE = FLAT + OPERANDS, STRIDES = SHAPE + MOST_AXES;

let args: usize = 0;

// @ts-ignore: decorator
@inline
function slot(i: i32): f64 {
  return load<f64>(args + (<usize>i << 3));
}

/** Elements [from, to) of the result in the order of its axes. Operand 0 is the result. */
export function pointwise(given: usize, from: i32, to: i32, scratch: usize): void {
  args = given;
  const op = <i32>slot(OP), axes = <i32>slot(AXES), count = <i32>slot(COUNT);
  const inner = <i32>slot(SHAPE + axes - 1);
  const isShort = inner < SHORT;
  for (let at = from; at < to; ) {
    let end = isShort ? to : min(to, at - (at % inner) + inner);
    let isStaged = false;
    for (let i = 0; i < count; i++) {
      if (!isDirect(i, axes, isShort) && (i == 0 || stepOf(i, axes, isShort) != 0)) isStaged = true;
    }
    if (isStaged) end = min(end, at + TILE);
    tile(op, axes, count, isShort, at, end - at, scratch);
    at = end;
  }
}

/** Whether a tile of the operand is consecutive float32. */
function isDirect(operand: i32, axes: i32, isShort: bool): bool {
  return slot(TYPE + operand) != BOOL && stepOf(operand, axes, isShort) == 1;
}

/** How far neighbours in a tile lie apart: 1, 0, or something else. */
function stepOf(operand: i32, axes: i32, isShort: bool): i32 {
  if (isShort) return <i32>slot(FLAT + operand);
  return <i32>slot(STRIDES + operand * MOST_AXES + axes - 1);
}

function tile(op: i32, axes: i32, count: i32, isShort: bool, at: i32, size: i32, scratch: usize): void {
  // Each operand's copy, then for each the vector of a tail or of one repeated value.
  const pads = scratch + OPERANDS * TILE * 4;
  let a: usize = 0, b: usize = 0, c: usize = 0, stepA: usize = 0, stepB: usize = 0, stepC: usize = 0;
  for (let i = 1; i < count; i++) {
    let address = offsetOf(i, axes, at), step: usize = 16;
    if (!isDirect(i, axes, isShort)) {
      const own = scratch + <usize>i * TILE * 4;
      if (stepOf(i, axes, isShort) == 0) {
        const pad = pads + <usize>i * 16;
        const value = slot(TYPE + i) == BOOL ? <f32>load<u8>(address) : load<f32>(address);
        v128.store(pad, f32x4.splat(value));
        address = pad;
        step = 0;
      } else {
        if (slot(TYPE + i) == BOOL && stepOf(i, axes, isShort) == 1) unpack(own, address, size);
        else walk(i, axes, at, size, own, false);
        address = own;
      }
    }
    if (i == 1) {
      a = address;
      stepA = step;
    } else if (i == 2) {
      b = address;
      stepB = step;
    } else {
      c = address;
      stepC = step;
    }
  }
  const isOutDirect = isDirect(0, axes, isShort);
  const out = isOutDirect ? offsetOf(0, axes, at) : scratch;
  const whole = size >> 2, rest = <usize>(size & 3) << 2;
  sweep(op, out, whole, a, stepA, b, stepB, c, stepC);
  if (rest != 0) {
    const done = <usize>whole << 4;
    a = tail(a, stepA, done, rest, pads + 16);
    b = tail(b, stepB, done, rest, pads + 32);
    c = tail(c, stepC, done, rest, pads + 48);
    sweep(op, pads, 1, a, 16, b, 16, c, 16);
    copyFew(out + done, pads, rest);
  }
  if (isOutDirect) return;
  if (slot(TYPE) == BOOL && stepOf(0, axes, isShort) == 1) pack(offsetOf(0, axes, at), out, size);
  else walk(0, axes, at, size, out, true);
}

/** The last elements of an operand as a vector. */
function tail(operand: usize, step: usize, done: usize, rest: usize, pad: usize): usize {
  if (step == 0) return operand;
  copyFew(pad, operand + done, rest);
  return pad;
}

function copyFew(target: usize, source: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 4) store<i32>(target + i, load<i32>(source + i));
}

/** The address of an operand's element. */
function offsetOf(operand: i32, axes: i32, at: i32): usize {
  const strides = STRIDES + operand * MOST_AXES;
  let offset: i32 = 0;
  for (let axis = axes - 1; axis > 0; axis--) {
    const extent = <i32>slot(SHAPE + axis), outer = at / extent;
    offset += (at - outer * extent) * <i32>slot(strides + axis);
    at = outer;
  }
  offset += at * <i32>slot(strides);
  return <usize>slot(ADDRESS + operand) + (<usize>offset << (slot(TYPE + operand) == BOOL ? 0 : 2));
}

/** Copies a tile from an operand, or back into it, element by element. */
function walk(operand: i32, axes: i32, at: i32, size: i32, own: usize, isBack: bool): void {
  const isBool = slot(TYPE + operand) == BOOL;
  const inner = <i32>slot(SHAPE + axes - 1);
  const step = <usize>(<i32>slot(STRIDES + operand * MOST_AXES + axes - 1) << (isBool ? 0 : 2));
  for (const end = at + size; at < end; ) {
    const stop = min(end, at - (at % inner) + inner);
    let p = offsetOf(operand, axes, at);
    if (isBack) {
      for (; at < stop; at++, p += step, own += 4) {
        if (isBool) store<u8>(p, <u8>(load<f32>(own) != 0));
        else store<f32>(p, load<f32>(own));
      }
    } else if (isBool) for (; at < stop; at++, p += step, own += 4) store<f32>(own, <f32>load<u8>(p));
    else for (; at < stop; at++, p += step, own += 4) store<f32>(own, load<f32>(p));
  }
}

function unpack(target: usize, source: usize, size: i32): void {
  let i: usize = 0;
  for (; i + 4 <= <usize>size; i += 4) {
    const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(source + i)));
    v128.store(target + (i << 2), f32x4.convert_i32x4_u(wide));
  }
  for (; i < <usize>size; i++) store<f32>(target + (i << 2), <f32>load<u8>(source + i));
}

function pack(target: usize, source: usize, size: i32): void {
  let i: usize = 0;
  for (; i + 8 <= <usize>size; i += 8) {
    const p = source + (i << 2), zero = f32x4.splat(0);
    const words = i16x8.narrow_i32x4_s(f32x4.ne(v128.load(p), zero), f32x4.ne(v128.load(p, 16), zero));
    v128.store64_lane(target + i, v128.and(i8x16.narrow_i16x8_s(words, words), i8x16.splat(1)), 0);
  }
  for (; i < <usize>size; i++) store<u8>(target + i, <u8>(load<f32>(source + (i << 2)) != 0));
}
