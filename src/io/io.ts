// Public entry of 'evenkeel/io': tensors from and to files. May import errors and tensor.

export { load, open, type LoadOptions, type OpenFile } from './load.js';
export { loadCheckpoint, saveCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.js';
export { save } from './save.js';
export { readNpy, writeNpy } from './npy.js';
export { openOnnx } from './onnx/openonnx.js';
export type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValueInfo,
  OpenOnnx,
} from './onnx/model.js';
export { readPth, type PthOptions } from './pth.js';
export { readSafetensors } from './safetensors.js';
export { writeSafetensors, type SafetensorsOptions } from './safetensorswriter.js';
export type { TensorEntry } from './contents.js';
export type { Elements, Format } from './elements.js';
export type { FileSource } from './source.js';
