// Matrix product and convolution, accumulated in float64. May import kernels.

import type { ConvPart, ConvSizes, MatmulCall, Reals } from '../kernels.js';

/** out[i] = a[i] · b[i] for each matrix of the batch. */
export function matmul(call: MatmulCall<Reals>): void {
  const { a, b, out, batch, m, n, k, transposeA, transposeB } = call;
  const [rowA, columnA] = transposeA ? [1, m] : [k, 1];
  const [rowB, columnB] = transposeB ? [1, k] : [n, 1];
  const sums = new Float64Array(n);
  for (let i = 0; i < batch; i++) {
    for (let row = 0; row < m; row++) {
      sums.fill(0);
      for (let inner = 0; inner < k; inner++) {
        const factor = a[i * call.stepA + row * rowA + inner * columnA]!;
        const from = i * call.stepB + inner * rowB;
        for (let column = 0; column < n; column++) sums[column]! += factor * b[from + column * columnB]!;
      }
      out.set(sums, (i * m + row) * n);
    }
  }
}

/** One part of a convolution; each sums the products x·w·dy over the indices that it does not keep. */
export function conv(part: ConvPart, sizes: ConvSizes, a: Reals, b: Reals, out: Reals): void {
  const sums = new Float64Array(out.length);
  forEachTap(sizes, (x, w, y) => {
    switch (part) {
      case 'y':
        sums[y]! += a[x]! * b[w]!;
        break;
      case 'dx':
        sums[x]! += a[y]! * b[w]!;
        break;
      case 'dw':
        sums[w]! += a[x]! * b[y]!;
        break;
    }
  });
  out.set(sums);
}

/** Visits every product of the convolution by the flat indices of its input, weight and output element. */
function forEachTap(sizes: ConvSizes, visit: (x: number, w: number, y: number) => void): void {
  const { batch, groups, inChannels, outChannels, input, kernel, output } = sizes;
  const perGroupIn = inChannels / groups;
  const perGroupOut = outChannels / groups;
  const pairs = [0, 1, 2].map((axis) => overlaps(sizes, axis));
  const [depths, heights, widths] = [pairs[0] ?? [], pairs[1] ?? [], pairs[2] ?? []];
  const inputSize = input[0] * input[1] * input[2];
  const kernelSize = kernel[0] * kernel[1] * kernel[2];
  const outputSize = output[0] * output[1] * output[2];
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outChannels; o++) {
      const group = Math.floor(o / perGroupOut);
      const yBase = (n * outChannels + o) * outputSize;
      for (let c = 0; c < perGroupIn; c++) {
        const xBase = (n * inChannels + group * perGroupIn + c) * inputSize;
        const wBase = (o * perGroupIn + c) * kernelSize;
        for (const d of depths) {
          for (const h of heights) {
            const x = xBase + (d.x * input[1] + h.x) * input[2];
            const w = wBase + (d.w * kernel[1] + h.w) * kernel[2];
            const y = yBase + (d.y * output[1] + h.y) * output[2];
            for (const v of widths) visit(x + v.x, w + v.w, y + v.y);
          }
        }
      }
    }
  }
}

/** Along one axis: which input position meets which kernel position for each output position, padding left out. */
function overlaps(sizes: ConvSizes, axis: number): { x: number; w: number; y: number }[] {
  const found: { x: number; w: number; y: number }[] = [];
  for (let y = 0; y < sizes.output[axis]!; y++) {
    for (let w = 0; w < sizes.kernel[axis]!; w++) {
      const x = y * sizes.stride[axis]! - sizes.padding[axis]! + w * sizes.dilation[axis]!;
      if (x >= 0 && x < sizes.input[axis]!) found.push({ x, w, y });
    }
  }
  return found;
}
