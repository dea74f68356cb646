// Pooling layers. May import errors, tensor, ops and nn.

import type { PerAxis } from '../ops/conv.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d, type AvgPoolOptions, type MaxPoolOptions } from '../ops/pool.js';
import type { Tensor } from '../tensor.js';
import { checkOperands, optionsOf } from './check.js';
import { Module, pythonBool, pythonTuple } from './module.js';

/**
 * The largest element of each window of an image; its gradient goes to the first of equal elements.
 *
 * Input (N, C, H, W) or (C, H, W), float32 or float64; output (N, C, H′, W′) with
 * H′ = ⌊(H + 2·padding − dilation·(kernelSize − 1) − 1)/stride⌋ + 1, or ⌈⌉ with `ceilMode`. No state.
 *
 * @throws KeelError [argument] for sizes that are no windows, when called as in PyTorch; [rank], [shape] for an input that
 *   holds none.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html
 * @example
 * new MaxPool2d(3, { stride: 2, padding: 1 }).forward(randn([1, 64, 112, 112])).shape; // [1, 64, 56, 56]
 */
export class MaxPool2d extends Module {
  static readonly type: string = 'MaxPool2d';

  readonly kernelSize: PerAxis;
  readonly stride: PerAxis;
  readonly padding: PerAxis;
  readonly dilation: PerAxis;
  readonly ceilMode: boolean;

  constructor(kernelSize: PerAxis, options: MaxPoolOptions = {}) {
    super();
    const { stride, padding, dilation, ceilMode } = optionsOf(new.target.name, options, {
      stride: null,
      padding: 0,
      dilation: 1,
      ceilMode: false,
    });
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.dilation = dilation;
    this.ceilMode = ceilMode;
  }

  forward(x: Tensor): Tensor {
    checkOperands('MaxPool2d', x);
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return maxPool2d(x, kernelSize, { stride, padding, dilation, ceilMode });
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, ceilMode } = this;
    return (
      `kernel_size=${python(kernelSize)}, stride=${python(stride)}, padding=${python(padding)}, ` +
      `dilation=${python(dilation)}, ceil_mode=${pythonBool(ceilMode)}`
    );
  }
}

/**
 * The mean of each window of an image.
 *
 * Input (N, C, H, W) or (C, H, W), float32 or float64; output as {@link MaxPool2d}'s without dilation. No state.
 *
 * @throws KeelError as {@link MaxPool2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AvgPool2d.html
 * @example
 * new AvgPool2d(2).forward(randn([1, 3, 8, 8])).shape; // [1, 3, 4, 4]
 */
export class AvgPool2d extends Module {
  static readonly type: string = 'AvgPool2d';

  readonly kernelSize: PerAxis;
  readonly stride: PerAxis;
  readonly padding: PerAxis;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(kernelSize: PerAxis, options: AvgPoolOptions = {}) {
    super();
    const { stride, padding, ceilMode, countIncludePad, divisorOverride } = optionsOf(new.target.name, options, {
      stride: null,
      padding: 0,
      ceilMode: false,
      countIncludePad: true,
      divisorOverride: null,
    });
    this.kernelSize = kernelSize;
    this.stride = stride ?? kernelSize;
    this.padding = padding;
    this.ceilMode = ceilMode;
    this.countIncludePad = countIncludePad;
    this.divisorOverride = divisorOverride;
  }

  forward(x: Tensor): Tensor {
    checkOperands('AvgPool2d', x);
    const { kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride } = this;
    return avgPool2d(x, kernelSize, { stride, padding, ceilMode, countIncludePad, divisorOverride });
  }

  protected override extraRepr(): string {
    const { kernelSize, stride, padding } = this;
    return `kernel_size=${python(kernelSize)}, stride=${python(stride)}, padding=${python(padding)}`;
  }
}

/**
 * Means of windows whose number is given: window i of n covers ⌊i·H/n⌋ up to ⌈(i + 1)·H/n⌉. Of size 1 it is the mean of
 * each channel.
 *
 * Input (N, C, H, W) or (C, H, W), float32 or float64; output (N, C, ...outputSize). No state.
 *
 * @param outputSize one number, or [height, width]; null keeps an extent
 * @throws KeelError [rank], [shape], [argument] when called, as {@link adaptiveAvgPool2d}.
 * @see https://docs.pytorch.org/docs/stable/generated/torch.nn.AdaptiveAvgPool2d.html
 * @example
 * new AdaptiveAvgPool2d(1).forward(randn([2, 8, 7, 7])).shape; // [2, 8, 1, 1]
 */
export class AdaptiveAvgPool2d extends Module {
  static readonly type: string = 'AdaptiveAvgPool2d';

  constructor(readonly outputSize: number | null | readonly (number | null)[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    checkOperands('AdaptiveAvgPool2d', x);
    return adaptiveAvgPool2d(x, this.outputSize);
  }

  protected override extraRepr(): string {
    const { outputSize } = this;
    const sizes = Array.isArray(outputSize) ? outputSize : [outputSize];
    const text = sizes.map((size: unknown) => String(size ?? 'None')).join(', ');
    return `output_size=${Array.isArray(outputSize) ? `(${text})` : text}`;
  }
}

function python(sizes: PerAxis): string {
  return typeof sizes === 'number' ? String(sizes) : pythonTuple(sizes);
}
