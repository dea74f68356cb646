// Public entry of 'evenkeel/io': tensors from and to files. May import errors and tensor.

export { load, open, type LoadOptions, type OpenFile } from './load.js';
export { loadCheckpoint, saveCheckpoint, writeCheckpoint, type Checkpoint } from './checkpoint.js';
export { save, type SaveOptions } from './save.js';
export { fileChunks, type TensorPart } from './filechunks.js';
export { replaceFile, type ReplaceOptions } from './replace.js';
export { readNpy, writeNpy } from './npy.js';
export { openNpyStream, type NpyStream } from './npystream.js';
export { readNpz, writeNpz } from './npz.js';
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
export type { FileKind } from './anyfile.js';
export type { TensorEntry } from './contents.js';
export type { Elements, Format } from './elements.js';
export type { FileSource } from './source.js';
