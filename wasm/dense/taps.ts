// Inner loops of depthwise convolutions: a plane's image, with zeros around it, against the taps of one kernel.

/** Sums over the taps at four strips of eight positions. */
export function strips(
  taps: usize, weights: usize, end: usize, p0: usize, p1: usize, p2: usize, p3: usize, o0: usize, o1: usize, o2: usize, o3: usize,
): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  for (; weights < end; weights += 4, taps += 4) {
    const w = v128.load32_splat(weights), at = <usize>load<u32>(taps);
    const q0 = p0 + at, q1 = p1 + at, q2 = p2 + at, q3 = p3 + at;
    c00 = f32x4.add(c00, f32x4.mul(w, v128.load(q0)));
    c01 = f32x4.add(c01, f32x4.mul(w, v128.load(q0, 16)));
    c10 = f32x4.add(c10, f32x4.mul(w, v128.load(q1)));
    c11 = f32x4.add(c11, f32x4.mul(w, v128.load(q1, 16)));
    c20 = f32x4.add(c20, f32x4.mul(w, v128.load(q2)));
    c21 = f32x4.add(c21, f32x4.mul(w, v128.load(q2, 16)));
    c30 = f32x4.add(c30, f32x4.mul(w, v128.load(q3)));
    c31 = f32x4.add(c31, f32x4.mul(w, v128.load(q3, 16)));
  }
  v128.store(o0, c00);
  v128.store(o0, c01, 16);
  v128.store(o1, c10);
  v128.store(o1, c11, 16);
  v128.store(o2, c20);
  v128.store(o2, c21, 16);
  v128.store(o3, c30);
  v128.store(o3, c31, 16);
}

/**
 * Sums over a kernel of three rows or more at four rows of eight positions: an image's row meets up to four of the kernel's,
 * whose columns lie one after the other in `weights`. `span` is the bytes from the first tap of a row to behind the last.
 */
export function quad(
  p: usize, pitch: usize, step: usize, span: usize, weights: usize, rows: i32, out: usize, outPitch: usize,
): void {
  const zero = f32x4.splat(0), line = <usize>rows << 2;
  let c00 = zero, c01 = zero, c10 = zero, c11 = zero, c20 = zero, c21 = zero, c30 = zero, c31 = zero;
  for (let q = p, t = weights; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w0 = v128.load32_splat(t);
    c00 = f32x4.add(c00, f32x4.mul(w0, x));
    c01 = f32x4.add(c01, f32x4.mul(w0, y));
  }
  p += pitch;
  for (let q = p, t = weights; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w1 = v128.load32_splat(t);
    c10 = f32x4.add(c10, f32x4.mul(w1, x));
    c11 = f32x4.add(c11, f32x4.mul(w1, y));
    const w0 = v128.load32_splat(t, 4);
    c00 = f32x4.add(c00, f32x4.mul(w0, x));
    c01 = f32x4.add(c01, f32x4.mul(w0, y));
  }
  p += pitch;
  for (let q = p, t = weights; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w2 = v128.load32_splat(t);
    c20 = f32x4.add(c20, f32x4.mul(w2, x));
    c21 = f32x4.add(c21, f32x4.mul(w2, y));
    const w1 = v128.load32_splat(t, 4);
    c10 = f32x4.add(c10, f32x4.mul(w1, x));
    c11 = f32x4.add(c11, f32x4.mul(w1, y));
    const w0 = v128.load32_splat(t, 8);
    c00 = f32x4.add(c00, f32x4.mul(w0, x));
    c01 = f32x4.add(c01, f32x4.mul(w0, y));
  }
  p += pitch;
  for (const last = weights + line - 12; weights < last; weights += 4, p += pitch) {
    for (let q = p, t = weights; q < p + span; q += step, t += line) {
      const x = v128.load(q), y = v128.load(q, 16);
      const w3 = v128.load32_splat(t);
      c30 = f32x4.add(c30, f32x4.mul(w3, x));
      c31 = f32x4.add(c31, f32x4.mul(w3, y));
      const w2 = v128.load32_splat(t, 4);
      c20 = f32x4.add(c20, f32x4.mul(w2, x));
      c21 = f32x4.add(c21, f32x4.mul(w2, y));
      const w1 = v128.load32_splat(t, 8);
      c10 = f32x4.add(c10, f32x4.mul(w1, x));
      c11 = f32x4.add(c11, f32x4.mul(w1, y));
      const w0 = v128.load32_splat(t, 12);
      c00 = f32x4.add(c00, f32x4.mul(w0, x));
      c01 = f32x4.add(c01, f32x4.mul(w0, y));
    }
  }
  for (let q = p, t = weights; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w3 = v128.load32_splat(t);
    c30 = f32x4.add(c30, f32x4.mul(w3, x));
    c31 = f32x4.add(c31, f32x4.mul(w3, y));
    const w2 = v128.load32_splat(t, 4);
    c20 = f32x4.add(c20, f32x4.mul(w2, x));
    c21 = f32x4.add(c21, f32x4.mul(w2, y));
    const w1 = v128.load32_splat(t, 8);
    c10 = f32x4.add(c10, f32x4.mul(w1, x));
    c11 = f32x4.add(c11, f32x4.mul(w1, y));
  }
  p += pitch;
  for (let q = p, t = weights + 4; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w3 = v128.load32_splat(t);
    c30 = f32x4.add(c30, f32x4.mul(w3, x));
    c31 = f32x4.add(c31, f32x4.mul(w3, y));
    const w2 = v128.load32_splat(t, 4);
    c20 = f32x4.add(c20, f32x4.mul(w2, x));
    c21 = f32x4.add(c21, f32x4.mul(w2, y));
  }
  p += pitch;
  for (let q = p, t = weights + 8; q < p + span; q += step, t += line) {
    const x = v128.load(q), y = v128.load(q, 16);
    const w3 = v128.load32_splat(t);
    c30 = f32x4.add(c30, f32x4.mul(w3, x));
    c31 = f32x4.add(c31, f32x4.mul(w3, y));
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  out += outPitch;
  v128.store(out, c10);
  v128.store(out, c11, 16);
  out += outPitch;
  v128.store(out, c20);
  v128.store(out, c21, 16);
  out += outPitch;
  v128.store(out, c30);
  v128.store(out, c31, 16);
}

/** Adds image·dy over strips of eight positions to the sums of ten taps. */
export function correlate10(taps: usize, list: usize, end: usize, dy: usize, plane: usize, sums: usize): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero, s7 = zero, s8 = zero, s9 = zero;
  for (; list < end; list += 12, dy += 32) {
    const p = plane + load<u32>(list), g0 = v128.load(dy), g1 = v128.load(dy, 16);
    let q = p + load<u32>(taps);
    s0 = f32x4.add(f32x4.add(s0, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 4);
    s1 = f32x4.add(f32x4.add(s1, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 8);
    s2 = f32x4.add(f32x4.add(s2, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 12);
    s3 = f32x4.add(f32x4.add(s3, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 16);
    s4 = f32x4.add(f32x4.add(s4, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 20);
    s5 = f32x4.add(f32x4.add(s5, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 24);
    s6 = f32x4.add(f32x4.add(s6, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 28);
    s7 = f32x4.add(f32x4.add(s7, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 32);
    s8 = f32x4.add(f32x4.add(s8, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
    q = p + load<u32>(taps, 36);
    s9 = f32x4.add(f32x4.add(s9, f32x4.mul(g0, v128.load(q))), f32x4.mul(g1, v128.load(q, 16)));
  }
  addLanes(sums, s0);
  addLanes(sums + 8, s1);
  addLanes(sums + 16, s2);
  addLanes(sums + 24, s3);
  addLanes(sums + 32, s4);
  addLanes(sums + 40, s5);
  addLanes(sums + 48, s6);
  addLanes(sums + 56, s7);
  addLanes(sums + 64, s8);
  addLanes(sums + 72, s9);
}

function addLanes(to: usize, x: v128): void {
  const pairs = f64x2.add(f64x2.promote_low_f32x4(x), f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 0)));
  store<f64>(to, load<f64>(to) + f64x2.extract_lane(pairs, 0) + f64x2.extract_lane(pairs, 1));
}

/** Adds image·dy over blocks of four rows to the sums of seven taps below one another; ten rows of the image meet four of dy. */
export function correlate7(p: usize, pitch: usize, dy: usize, blocks: i32, perBlock: i32, sums: usize, next: usize): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero, s3 = zero, s4 = zero, s5 = zero, s6 = zero;
  for (let block = 0; block < blocks; block++, p += pitch << 2) {
    let row = p;
    for (let half = 0; half < perBlock << 1; half++, row += 16, dy += half & 1 ? 16 : 112) {
      const g0 = v128.load(dy), g1 = v128.load(dy, 32), g2 = v128.load(dy, 64), g3 = v128.load(dy, 96);
      let q = row;
      let x = v128.load(q);
      s0 = f32x4.add(s0, f32x4.mul(x, g0));
      q += pitch;
      x = v128.load(q);
      s1 = f32x4.add(s1, f32x4.mul(x, g0));
      s0 = f32x4.add(s0, f32x4.mul(x, g1));
      q += pitch;
      x = v128.load(q);
      s2 = f32x4.add(s2, f32x4.mul(x, g0));
      s1 = f32x4.add(s1, f32x4.mul(x, g1));
      s0 = f32x4.add(s0, f32x4.mul(x, g2));
      q += pitch;
      x = v128.load(q);
      s3 = f32x4.add(s3, f32x4.mul(x, g0));
      s2 = f32x4.add(s2, f32x4.mul(x, g1));
      s1 = f32x4.add(s1, f32x4.mul(x, g2));
      s0 = f32x4.add(s0, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s4 = f32x4.add(s4, f32x4.mul(x, g0));
      s3 = f32x4.add(s3, f32x4.mul(x, g1));
      s2 = f32x4.add(s2, f32x4.mul(x, g2));
      s1 = f32x4.add(s1, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s5 = f32x4.add(s5, f32x4.mul(x, g0));
      s4 = f32x4.add(s4, f32x4.mul(x, g1));
      s3 = f32x4.add(s3, f32x4.mul(x, g2));
      s2 = f32x4.add(s2, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s6 = f32x4.add(s6, f32x4.mul(x, g0));
      s5 = f32x4.add(s5, f32x4.mul(x, g1));
      s4 = f32x4.add(s4, f32x4.mul(x, g2));
      s3 = f32x4.add(s3, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s6 = f32x4.add(s6, f32x4.mul(x, g1));
      s5 = f32x4.add(s5, f32x4.mul(x, g2));
      s4 = f32x4.add(s4, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s6 = f32x4.add(s6, f32x4.mul(x, g2));
      s5 = f32x4.add(s5, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s6 = f32x4.add(s6, f32x4.mul(x, g3));
    }
  }
  addLanes(sums, s0);
  addLanes(sums + next, s1);
  addLanes(sums + 2 * next, s2);
  addLanes(sums + 3 * next, s3);
  addLanes(sums + 4 * next, s4);
  addLanes(sums + 5 * next, s5);
  addLanes(sums + 6 * next, s6);
}

/** The same for three taps. */
export function correlate3(p: usize, pitch: usize, dy: usize, blocks: i32, perBlock: i32, sums: usize, next: usize): void {
  const zero = f32x4.splat(0);
  let s0 = zero, s1 = zero, s2 = zero;
  for (let block = 0; block < blocks; block++, p += pitch << 2) {
    let row = p;
    for (let half = 0; half < perBlock << 1; half++, row += 16, dy += half & 1 ? 16 : 112) {
      const g0 = v128.load(dy), g1 = v128.load(dy, 32), g2 = v128.load(dy, 64), g3 = v128.load(dy, 96);
      let q = row;
      let x = v128.load(q);
      s0 = f32x4.add(s0, f32x4.mul(x, g0));
      q += pitch;
      x = v128.load(q);
      s1 = f32x4.add(s1, f32x4.mul(x, g0));
      s0 = f32x4.add(s0, f32x4.mul(x, g1));
      q += pitch;
      x = v128.load(q);
      s2 = f32x4.add(s2, f32x4.mul(x, g0));
      s1 = f32x4.add(s1, f32x4.mul(x, g1));
      s0 = f32x4.add(s0, f32x4.mul(x, g2));
      q += pitch;
      x = v128.load(q);
      s2 = f32x4.add(s2, f32x4.mul(x, g1));
      s1 = f32x4.add(s1, f32x4.mul(x, g2));
      s0 = f32x4.add(s0, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s2 = f32x4.add(s2, f32x4.mul(x, g2));
      s1 = f32x4.add(s1, f32x4.mul(x, g3));
      q += pitch;
      x = v128.load(q);
      s2 = f32x4.add(s2, f32x4.mul(x, g3));
    }
  }
  addLanes(sums, s0);
  addLanes(sums + next, s1);
  addLanes(sums + 2 * next, s2);
}
