// Panels: what a product multiplies, gathered from where index maps say into the order of the multiplications.

/** Offset in bytes of index i = ((d0·extent1 + d1)·extent2 + d2)·extent3 + d3: Σ digit·stride. */
@unmanaged
export class IndexMap {
  extent1: f64;
  extent2: f64;
  extent3: f64;
  stride0: f64;
  stride1: f64;
  stride2: f64;
  stride3: f64;
}

@inline
export function bytesOf(value: f64): usize {
  return <usize>(<i64>value);
}

/** Writes the offsets of indices [from, from + count), the last one repeated up to `padded`. */
export function offsets(table: usize, map: IndexMap, from: i32, count: i32, padded: i32): void {
  const e1 = <i32>map.extent1, e2 = <i32>map.extent2, e3 = <i32>map.extent3;
  const s0 = bytesOf(map.stride0), s1 = bytesOf(map.stride1), s2 = bytesOf(map.stride2), s3 = bytesOf(map.stride3);
  let d3 = from % e3, rest = from / e3;
  let d2 = rest % e2;
  rest /= e2;
  let d1 = rest % e1, d0 = rest / e1;
  const end = table + (<usize>count << 2);
  while (table < end) {
    let offset = <usize>d0 * s0 + <usize>d1 * s1 + <usize>d2 * s2 + <usize>d3 * s3;
    const run = min(<i32>((end - table) >> 2), e3 - d3), stop = table + (<usize>run << 2);
    d3 += run;
    for (; table < stop; table += 4) {
      store<u32>(table, <u32>offset);
      offset += s3;
    }
    if (d3 < e3) break;
    d3 = 0;
    if (++d2 < e2) continue;
    d2 = 0;
    if (++d1 < e1) continue;
    d1 = 0;
    d0++;
  }
  const last = count > 0 ? load<u32>(end - 4) : 0;
  for (let i = 0; i < padded - count; i++) store<u32>(end + (<usize>i << 2), last);
}

/** Whether four offsets are those of neighbours. */
@inline
export function isRun(table: usize): bool {
  const steps = i32x4.sub(v128.load(table), v128.load32_splat(table));
  return i32x4.all_true(i32x4.eq(steps, i32x4(0, 4, 8, 12)));
}

/** Packs four lanes for `count` values of k, each four to `to`, `step` bytes apart. */
export function packLanes(to: usize, step: usize, from: usize, lanes: usize, ks: usize, count: i32): void {
  const end = ks + (<usize>count << 2);
  const p0 = from + load<u32>(lanes), p1 = from + load<u32>(lanes, 4);
  const p2 = from + load<u32>(lanes, 8), p3 = from + load<u32>(lanes, 12);
  if (isRun(lanes)) {
    for (; ks < end; ks += 4, to += step) v128.store(to, v128.load(p0 + load<u32>(ks)));
    return;
  }
  while (ks < end) {
    if (ks + 16 <= end && isRun(ks)) {
      const at = <usize>load<u32>(ks);
      const x0 = v128.load(p0 + at), x1 = v128.load(p1 + at), x2 = v128.load(p2 + at), x3 = v128.load(p3 + at);
      const a = i32x4.shuffle(x0, x1, 0, 4, 1, 5), b = i32x4.shuffle(x2, x3, 0, 4, 1, 5);
      const c = i32x4.shuffle(x0, x1, 2, 6, 3, 7), d = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
      v128.store(to, i64x2.shuffle(a, b, 0, 2));
      v128.store(to + step, i64x2.shuffle(a, b, 1, 3));
      v128.store(to + 2 * step, i64x2.shuffle(c, d, 0, 2));
      v128.store(to + 3 * step, i64x2.shuffle(c, d, 1, 3));
      ks += 16;
      to += 4 * step;
    } else {
      const at = <usize>load<u32>(ks);
      const x0 = load<u32>(p0 + at), x1 = load<u32>(p1 + at), x2 = load<u32>(p2 + at), x3 = load<u32>(p3 + at);
      store<u32>(to, x0);
      store<u32>(to, x1, 4);
      store<u32>(to, x2, 8);
      store<u32>(to, x3, 12);
      ks += 4;
      to += step;
    }
  }
}

/** Whether `count` offsets, a multiple of four, are those of neighbours. */
export function areRuns(table: usize, count: i32, together: bool): bool {
  for (let i = 0; i < count; i += 4, table += 16) {
    if (!isRun(table) || (together && i > 0 && load<u32>(table) - load<u32>(table - 4) != 4)) return false;
  }
  return true;
}

/** Packs a right panel: eight lanes. */
export function packRight(to: usize, from: usize, lanes: usize, ks: usize, count: i32): void {
  if (areRuns(lanes, 8, true)) {
    const p = from + load<u32>(lanes), end = ks + (<usize>count << 2);
    for (; ks < end; ks += 4, to += 32) {
      const at = p + load<u32>(ks);
      v128.store(to, v128.load(at));
      v128.store(to, v128.load(at, 16), 16);
    }
    return;
  }
  packLanes(to, 32, from, lanes, ks, count);
  packLanes(to + 16, 32, from, lanes + 16, ks, count);
}
