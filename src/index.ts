// The public names of evenkeel, and nothing else.

import './methods.js';

export { KeelError, type ErrorCode, type ErrorData } from './errors.js';
export {
  backends,
  register,
  useBackend,
  type AdamUpdate,
  type BinaryOp,
  type ConvPart,
  type ConvSizes,
  type Data,
  type DType,
  type Extent,
  type Kernels,
  type MatmulCall,
  type NormBackwardCall,
  type NormCall,
  type PointwiseOp,
  type Reals,
  type ReduceOp,
  type SGDUpdate,
  type Statistics,
  type Strided,
  type UnaryOp,
  type UpdateCall,
} from './kernels/kernels.js';
export type { AxisNames } from './notation.js';
export type { Plan, Runs } from './plan.js';
export { init, type InitOptions } from './init.js';
export { memory } from './storage.js';
export { keep, scope, Tensor, type Nested } from './tensor.js';
export { arange, full, linspace, ones, tensor, zeros, type Source, type TensorOptions } from './create.js';
export { grad, isGradEnabled, noGrad, type BackwardOptions, type GradOptions } from './autograd.js';
export { where, type Operand } from './ops/elementwise.js';
export type { Dims, ReduceOptions } from './ops/reduce.js';
export { cat } from './ops/movement.js';
export { stack } from './ops/shape.js';
export { matmul, linear } from './ops/matmul.js';
export {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  type ConvOptions,
  type ConvTransposeOptions,
  type PerAxis,
} from './ops/conv.js';
export { adaptiveAvgPool2d, avgPool2d, maxPool2d, type AvgPoolOptions, type MaxPoolOptions } from './ops/pool.js';
export { argmax, argmin } from './ops/argmax.js';
export { logSoftmax, softmax } from './ops/softmax.js';
export { elu, gelu, leakyRelu, relu6, silu, softplus } from './ops/activation.js';
export { embedding } from './ops/embedding.js';
export { norm, normWithStatistics, type Normalized, type NormOptions, type NormSettings } from './ops/norm.js';
export { Module, type LoadReport, type Named } from './nn/module.js';
export { Buffer, Parameter } from './nn/parameter.js';
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
export {
  bernoulli,
  bernoulli_,
  getRngState,
  manualSeed,
  normal_,
  rand,
  randint,
  randn,
  randperm,
  setRngState,
  skipInit,
  truncNormal,
  uniform_,
  type RandomOptions,
  type TruncNormalOptions,
} from './random.js';
export {
  calculateFanInAndFanOut,
  calculateGain,
  constant_,
  kaimingNormal_,
  kaimingUniform_,
  ones_,
  xavierNormal_,
  xavierUniform_,
  zeros_,
  type KaimingOptions,
  type Nonlinearity,
  type XavierOptions,
} from './nn/init.js';
export {
  Dropout,
  Embedding,
  Flatten,
  Identity,
  Linear,
  type EmbeddingOptions,
  type FlattenOptions,
  type InplaceOptions,
  type Layer,
  type LinearOptions,
} from './nn/layers.js';
export {
  ELU,
  GELU,
  LeakyReLU,
  LogSoftmax,
  ReLU,
  ReLU6,
  Sigmoid,
  SiLU,
  Softmax,
  Softplus,
  Tanh,
  type ELUOptions,
  type GELUOptions,
  type LeakyReLUOptions,
  type SoftplusOptions,
} from './nn/activation.js';
export {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvLayerOptions,
  type ConvTransposeLayerOptions,
} from './nn/conv.js';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './nn/pool.js';
export { DropPath, StochasticDepth, type DropMode, type DropPathOptions } from './nn/drop.js';
export { LayerScale, LayerScale2d, type LayerScaleOptions } from './nn/scale.js';
export { GRN, type GRNOptions } from './nn/grn.js';
export { DyT, type DyTOptions } from './nn/dyt.js';
export { ModuleList, Sequential } from './nn/containers.js';
export { cloneModule } from './nn/clone.js';
export type { Hook, PreHook } from './nn/hooks.js';
export type { Loading } from './nn/state.js';
export { removeWeightNorm, weightNorm, type WeightKeys, type WeightNormOptions } from './nn/weightnorm.js';
export { removeSpectralNorm, spectralNorm, type SpectralNormOptions } from './nn/spectralnorm.js';
export {
  crossEntropy,
  CrossEntropyLoss,
  mseLoss,
  MSELoss,
  type CrossEntropyOptions,
  type MSELossOptions,
  type Reduction,
} from './nn/loss.js';
export { noDecay, type DecayGroups } from './nn/decay.js';
export {
  Optimizer,
  type GroupOptions,
  type GroupSettings,
  type ParamGroup,
  type Params,
} from './optim/optimizer.js';
export type { OptimizerState, SavedState } from './optim/state.js';
export { SGD, type SGDOptions, type SGDSettings } from './optim/sgd.js';
export { Adam, AdamW, type AdamOptions, type AdamSettings } from './optim/adam.js';
export { clipGradNorm_, clipGradValue_, type ClipGradNormOptions } from './optim/clip.js';
export {
  CosineAnnealingLR,
  LinearLR,
  LRScheduler,
  StepLR,
  type CosineAnnealingLROptions,
  type LinearLROptions,
  type Scheduled,
  type ScheduledGroup,
  type ScheduleState,
  type StepLROptions,
} from './optim/schedule.js';
export { OneCycleLR, type OneCycleLROptions } from './optim/onecycle.js';
export { DataLoader, type Batch, type DataLoaderOptions } from './data/loader.js';
export { shiftImages } from './data/shift.js';
export { Progress, type ProgressOptions } from './data/progress.js';
export { explain, type ExplainData, type Explanation, type PatternSizes } from './explain.js';
export type { Equivalent } from './explain/catalogue.js';
export type { Normalizer, PatternSettings, SizedPattern } from './explain/subject.js';
export { equivalent, type Difference, type Verdict } from './explain/equivalent.js';
export { drawSets, type DrawnPart, type DrawOptions, type SetDrawing } from './explain/draw.js';
export type { BackwardStepName, Step, StepName } from './explain/step.js';
export { stepsOf, type Steps, type StepsOptions } from './explain/steps.js';
export { layerFrom } from './explain/layertext.js';
export { explainError, type ErrorExplanation } from './explain/torcherror.js';
export type { ErrorFix, ErrorKind, Fact, Finding } from './explain/finding.js';
export {
  load,
  loadCheckpoint,
  save,
  saveCheckpoint,
  type Checkpoint,
  type FileSource,
  type LoadOptions,
  type SafetensorsOptions,
  type SaveOptions,
} from './io/io.js';
