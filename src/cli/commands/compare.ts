// `evenkeel compare`.

import { spec } from '../command.js';

export const compareSpec = spec({
  name: 'compare',
  summary: 'whether two layers are the same computation, or two files hold the same numbers',
  about: [
    'Two layers or patterns on a shape: whether the same elements share the same statistics, why, what becomes of the '
    + 'parameters of one in the other, and by how much they differ on random numbers, or on the tensor of a file. Layers are in '
    + 'training, with weight 1 and bias 0.',
    'Two files: every tensor by name, with the largest difference, absolute, relative and in units in the last place (ulps), '
    + 'and where it is. NaN is equal to NaN.',
    'It exits with 1 where they differ.',
  ],
  operands: [
    { name: 'A', about: "a layer, a pattern or PyTorch's text, as explain takes them; or a file", complete: 'layers' },
    { name: 'B', about: 'another', complete: 'layers' },
    { name: 'ON', about: 'for layers: a shape such as 2x3x4, or a file with the input, or - for standard input', optional: true },
    { name: 'SIZES', about: "sizes of a pattern's factors, such as g=3", many: true, complete: 'nothing' },
  ],
  options: {
    tolerance: { kind: 'number', value: '1e-6', about: 'of files: differences up to this are none, nor are those of dtypes; by default every one counts' },
    entry: { kind: 'text', value: 'NAME', many: true, about: 'the tensors to compare, or the tensor of ON' },
    seed: { kind: 'count', value: 'N', about: 'of the random numbers; 0 by default' },
    groups: { kind: 'count', value: 'G', about: 'of group-norm' },
    'normalized-shape': { kind: 'shape', value: '3x4', about: 'of layer-norm and rms-norm; the last axis by default' },
    eps: { kind: 'number', value: '1e-5', about: 'of layers named with dashes, and of patterns' },
    statistics: { kind: 'choice', choices: ['moments', 'rms', 'l2'], about: 'of patterns; moments by default' },
  },
  examples: [
    { line: 'evenkeel compare instance-norm layer-norm 2x3x4', about: 'the same six sets' },
    { line: "evenkeel compare LayerNorm2d 'nn.GroupNorm(1, 96)' 2x96x8x8", about: 'often taken for the same', exit: 1 },
    { line: 'evenkeel compare batch-norm instance-norm photos.npy', about: 'by how much they differ on photos', exit: 1 },
    { line: 'evenkeel compare resnet.pth resnet.safetensors', about: 'the same weights in two files' },
    { line: 'evenkeel compare resnet.safetensors poisoned.safetensors', about: 'which tensors differ, by how much, and where', exit: 1 },
  ],
  json: {
    differs: 'true where it exits with 1',
    layers: 'of two layers: names, verdict {same, reason, parameters, carry, differences}, on {shape, data, seed or file and '
    + 'entry}, distance {elements, different, nans, largest, relative, ulps, at, index, values}; null of files',
    files: 'of two files: tensors, each with name, differs, a and b {shape, dtype}, and the same distance; null of layers',
  },
});
