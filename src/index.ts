// The public names of evenkeel, and nothing else.

import './methods.js';

export { KeelError, type ErrorCode, type ErrorData } from './errors.js';
export { backends, register, useBackend, type DType, type Kernels, type Statistics } from './kernels/kernels.js';
export { memory } from './storage.js';
export { keep, scope, Tensor, type Nested } from './tensor.js';
export { arange, full, linspace, ones, tensor, zeros, type Source, type TensorOptions } from './create.js';
export { grad, isGradEnabled, noGrad, type BackwardOptions, type GradOptions } from './autograd.js';
export { where } from './ops/elementwise.js';
export { cat } from './ops/movement.js';
export { stack } from './ops/shape.js';
export { matmul, linear } from './ops/matmul.js';
export { conv1d, conv2d, conv3d, convTranspose1d, convTranspose2d, convTranspose3d } from './ops/conv.js';
export { logSoftmax, softmax } from './ops/softmax.js';
export { elu, gelu, leakyRelu, relu6, silu, softplus } from './ops/activation.js';
export { embedding } from './ops/embedding.js';
export { norm, normWithStatistics, type Normalized, type NormOptions, type NormSettings } from './ops/norm.js';
export { Buffer, Module, Parameter, type LoadReport } from './nn/module.js';
export {
  addLayerNorm,
  addRMSNorm,
  batchNorm,
  groupNorm,
  instanceNorm,
  layerNorm,
  layerNorm2d,
  localResponseNorm,
  normalize,
  rmsNorm,
  type AddNorm,
  type AffineOptions,
  type BatchNormOptions,
  type InstanceNormOptions,
} from './nn/functional.js';
export {
  GroupNorm,
  LayerNorm,
  LayerNorm2d,
  LocalResponseNorm,
  NormLayer,
  RMSNorm,
  type GroupNormOptions,
  type LayerNormOptions,
  type LayerPattern,
  type LocalResponseNormOptions,
  type RMSNormOptions,
} from './nn/norm.js';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  FrozenBatchNorm2d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type RunningNormOptions,
} from './nn/batchnorm.js';
export {
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  LazyInstanceNorm1d,
  LazyInstanceNorm2d,
  LazyInstanceNorm3d,
} from './nn/lazy.js';
