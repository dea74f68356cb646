// Public entry of 'evenkeel/inspect': the norm layers of a model's file.

export { inspect, type InspectOptions } from './inspect.js';
export type { ModelConfig } from './config.js';
export type {
  Flag,
  FlagName,
  Histogram,
  InspectedNorm,
  InspectedTensor,
  Inspection,
  NormKind,
  TensorRole,
} from './inspection.js';
