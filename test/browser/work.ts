// Work that is large enough for threads, by every kind of kernel, forward and backward; its results as hashes of their bits.
import {
  batchNorm, conv2d, gelu, grad, groupNorm, layerNorm, layerNorm2d, matmul, ones, rmsNorm, scope, softmax, tensor, type Tensor,
} from 'evenkeel';

/** The same numbers everywhere, from -2 to 2. */
function numbers(shape: readonly number[], seed: number): Tensor {
  const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  for (let i = 0, state = seed; i < data.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    data[i] = state / 2 ** 30 - 2;
  }
  return tensor(data, shape, { requiresGrad: true });
}

/** FNV-1a of the elements' bits. */
function hash(x: Tensor): string {
  const bits = new Uint32Array(Float32Array.from(x.data as Float32Array).buffer);
  return bits.reduce((sum, word) => Math.imul(sum ^ word, 16_777_619) >>> 0, 2_166_136_261).toString(16);
}

const shapes = { rows: [512, 768], image: [2, 64, 40, 40], matrix: [256, 256] } as const;

const jobs: Readonly<Record<string, readonly [shape: keyof typeof shapes, run: (x: Tensor) => Tensor]>> = {
  layerNorm: ['rows', (x) => layerNorm(x, [768], { weight: ones([768]), bias: ones([768]) })],
  rmsNorm: ['rows', (x) => rmsNorm(x, [768])],
  layerNorm2d: ['image', (x) => layerNorm2d(x)],
  groupNorm: ['image', (x) => groupNorm(x, 8)],
  batchNorm: ['image', (x) => batchNorm(x, null, null, { training: true })],
  conv2d: ['image', (x) => conv2d(x, numbers([64, 1, 7, 7], 5), { padding: 3, groups: 64 })],
  matmul: ['matrix', (x) => matmul(x, numbers([256, 256], 7))],
  softmax: ['rows', (x) => softmax(x, 1)],
  gelu: ['rows', (x) => gelu(x)],
};

export const jobNames = Object.keys(jobs);

/** What a job makes of its input, and the gradient of that. */
export function bitsOf(name: string): string {
  const [shape, run] = jobs[name] ?? [];
  if (shape === undefined || run === undefined) throw new Error(`no job is called ${name}`);
  let bits = '';
  scope(() => {
    const x = numbers(shapes[shape], 1);
    const y = run(x);
    const [dx] = grad([y], [x], { gradOutputs: [numbers(y.shape, 3).detach()] });
    bits = `${hash(y)} ${dx ? hash(dx) : 'none'}`;
  });
  return bits;
}
