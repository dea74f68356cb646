// `evenkeel explain`.

import { spec } from '../command.js';

export const explainSpec = spec({
  name: 'explain',
  summary: 'which elements share a mean; what a PyTorch error means',
  about: [
    'Says of a layer or a pattern on a shape which elements share a mean, how many means there are, how the kernels walk '
    + 'through memory, how PyTorch writes it, and which other layers are the same. Shapes of up to 512 elements are drawn, with '
    + 'a letter and a colour for each set.',
    'LAYER may also be an error of PyTorch about normalization, or its whole traceback: what it means, and what to change. '
    + 'Then there is no SHAPE; - reads it from standard input.',
  ],
  operands: [
    { name: 'LAYER', about: "batch-norm or BatchNorm2d, a pattern, PyTorch's text such as 'nn.GroupNorm(3, 6)', an error, or -", complete: 'layers' },
    { name: 'SHAPE', about: 'of the input, such as 2x3x4', optional: true, complete: 'nothing' },
    { name: 'SIZES', about: "sizes of the pattern's factors, such as g=3", many: true, complete: 'nothing' },
  ],
  options: {
    element: { kind: 'index', value: '1,2,0', about: 'says and draws which elements share a mean with this one' },
    data: { kind: 'path', value: 'FILE', about: 'steps through the arithmetic of the set of --element with the numbers of this file, or of - for standard input' },
    entry: { kind: 'text', value: 'NAME', about: 'the tensor of --data' },
    groups: { kind: 'count', value: 'G', about: 'of group-norm' },
    'normalized-shape': { kind: 'shape', value: '3x4', about: 'of layer-norm and rms-norm; the last axis by default' },
    size: { kind: 'count', value: 'N', about: 'of local-response-norm; 5 by default' },
    eps: { kind: 'number', value: '1e-5', about: 'of all other layers, and of patterns' },
    statistics: { kind: 'choice', choices: ['moments', 'rms', 'l2'], about: 'of patterns; moments by default' },
  },
  examples: [
    { line: 'evenkeel explain batch-norm 2x3x4', about: 'three means, each over eight elements' },
    { line: 'evenkeel explain group-norm 2x6x2 --groups 3 --element 1,2,0', about: 'the set of one element' },
    { line: 'evenkeel explain layer-norm 1797x8x8 --element 0,3,2 --data digits.npy', about: 'from x to y, step by step' },
    { line: "evenkeel explain 'nn.LayerNorm([3, 4])' 2x3x4", about: 'as PyTorch writes it' },
    { line: "evenkeel explain 'b (g [c]) [s...], (g c)' 2x6x4 g=3", about: 'a pattern' },
    { line: "evenkeel explain 'expected 4D input (got 3D input)'", about: 'an error of PyTorch' },
    { line: 'evenkeel explain - < train.log', about: 'the last error in a log' },
  ],
  json: {
    explained: "'layer', 'pattern' or 'error'",
    layer: 'of a layer or pattern: what explain() gives as data: name, pattern, shape, sizes, statistics, count, elements, '
    + 'statisticShape, sentence, parameters, running, plan, path, pytorch, equivalents; null of local-response-norm',
    sets: 'the set of every element, in memory order, where the shape is drawn; else null',
    element: 'with --element: index, sentence and the indices of its set; else null',
    steps: 'with --data: what stepsOf() gives: name, statistics, eps, indices, at, parameters, forward and backward steps with name, '
    + 'formula, worked, of and values, text; else null',
    error: 'of an error, what explainError() gives: kind, message, layer, facts, meaning, fixes, explanation',
  },
});
