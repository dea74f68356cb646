// Rows of a table by int64 index, and their sums into one.

@unmanaged
class GatherArgs {
  table: f64;
  index: f64;
  /** Bytes of a row. */
  bytes: f64;
  /** What gather writes and scatterAdd reads: a row for each index. */
  rows: f64;
  /** Rows of the table, and for scatterAdd lists of indices: their heads, one for each row, and what follows each index. */
  height: f64;
  count: f64;
  heads: f64;
  next: f64;
}

/** Rows [from, to) of the result. */
export function gather(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<GatherArgs>(args), bytes = <usize>a.bytes;
  for (let i = from; i < to; i++) {
    const row = <usize>load<i64>(<usize>a.index + (<usize>i << 3));
    memory.copy(<usize>a.rows + <usize>i * bytes, <usize>a.table + row * bytes, bytes);
  }
}

/** Lists the indices of each row of the table, in ascending order and ended by -1. One item: the lists share it. */
export function listRows(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<GatherArgs>(args), heads = <usize>a.heads, next = <usize>a.next;
  memory.fill(heads, 0xff, <usize>a.height << 2);
  for (let i = <i32>a.count - 1; i >= 0; i--) {
    const head = heads + (<usize>load<i64>(<usize>a.index + (<usize>i << 3)) << 2);
    store<i32>(next + (<usize>i << 2), load<i32>(head));
    store<i32>(head, i);
  }
}

/** Rows [from, to) of the table, each with its list added in float64 and rounded once. */
export function scatterAdd(args: usize, from: i32, to: i32, scratch: usize): void {
  const a = changetype<GatherArgs>(args), bytes = <usize>a.bytes;
  for (let row = from; row < to; row++) {
    let i = load<i32>(<usize>a.heads + (<usize>row << 2));
    if (i < 0) continue;
    const target = <usize>a.table + <usize>row * bytes;
    for (let j: usize = 0; j < bytes; j += 4) store<f64>(scratch + (j << 1), <f64>load<f32>(target + j));
    for (; i >= 0; i = load<i32>(<usize>a.next + (<usize>i << 2))) {
      const source = <usize>a.rows + <usize>i * bytes;
      for (let j: usize = 0; j < bytes; j += 4) {
        store<f64>(scratch + (j << 1), load<f64>(scratch + (j << 1)) + <f64>load<f32>(source + j));
      }
    }
    for (let j: usize = 0; j < bytes; j += 4) store<f32>(target + j, <f32>load<f64>(scratch + (j << 1)));
  }
}
