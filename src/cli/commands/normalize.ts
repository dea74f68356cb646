// `evenkeel normalize`.

import { spec } from '../command.js';

export const normalizeSpec = spec({
  name: 'normalize',
  summary: 'normalizes arrays in .npy, .npz, .safetensors and .pth files, also larger than memory',
  about: [
    'Normalizes the tensor in IN as a layer does, or by a pattern, and says which elements share statistics and what became '
    + 'of them. With -o the result is written; other tensors of the file are copied. A file may be larger than memory: it is '
    + 'read in chunks, and twice where the sets span them.',
    'Layers have no scale, shift or running statistics unless files give them. Batch norm uses the statistics of the array, '
    + 'or the running ones of a checkpoint.',
    'Integers become float32; float64 stays; 16-bit floats are computed in float32 and rounded once.',
  ],
  operands: [
    { name: 'IN', about: 'a file, or - for standard input' },
    { name: 'SIZES', about: "sizes of the pattern's factors, such as g=3", many: true, complete: 'nothing' },
  ],
  options: {
    as: { kind: 'text', value: 'LAYER', complete: 'layers', about: 'layer-norm, layer-norm-2d, rms-norm, group-norm, batch-norm, instance-norm, local-response-norm, or as PyTorch spells them' },
    pattern: { kind: 'text', value: 'P', about: "a pattern instead: 'b (g [c]) [s...], (g c)'" },
    out: { kind: 'path', short: 'o', value: 'OUT', about: 'writes the result to a .npy, .npz or .safetensors file, or to standard output: -' },
    overwrite: { kind: 'flag', about: 'puts the result in the place of OUT, which may be IN' },
    groups: { kind: 'count', value: 'G', about: 'of group-norm' },
    'normalized-shape': { kind: 'shape', value: '3x4', about: 'of layer-norm and rms-norm; the last axis by default' },
    size: { kind: 'count', value: 'N', about: 'of local-response-norm; 5 by default' },
    eps: { kind: 'number', value: '1e-5', about: 'of all other layers, and of patterns' },
    statistics: { kind: 'choice', choices: ['moments', 'rms', 'l2'], about: 'of patterns; moments by default' },
    shape: { kind: 'shape', value: '1x3x224x224', about: 'sees the array in this shape' },
    entry: { kind: 'text', value: 'NAME', many: true, about: 'the tensor to normalize, where IN holds several' },
    all: { kind: 'flag', about: 'normalizes every tensor of IN' },
    weight: { kind: 'path', value: 'FILE', about: 'the scale: a .npy file, or FILE.safetensors:NAME' },
    bias: { kind: 'path', value: 'FILE', about: 'the shift' },
    checkpoint: { kind: 'path', value: 'FILE', about: 'a state dict with weight, bias and running statistics' },
    prefix: { kind: 'text', value: 'bn1.', about: "what the layer's keys begin with there" },
  },
  examples: [
    { line: 'evenkeel normalize photos.npy --as batch-norm', about: 'which elements share a mean, before and after' },
    { line: 'evenkeel normalize photos.npy --as group-norm --groups 3 -o out.npy', about: 'the same, written' },
    { line: "evenkeel normalize photos.npy --pattern 'b (g [c]) [s...]' g=3", about: 'group norm as a pattern' },
    { line: 'evenkeel normalize - --as layer-norm -o - < photos.npy > out.npy', about: 'in a pipe' },
  ],
  json: {
    input: 'IN; standard input by that name',
    output: 'OUT, or null',
    tensors: 'for each: name, shape, dtype, order, outputDtype, pattern, sets {count, elements}, sweeps, and statistics of the '
    + 'first sets, each with index, before and after {mean, std}',
    notes: 'what is said on standard error',
  },
});
