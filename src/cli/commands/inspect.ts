// `evenkeel inspect`.

import { spec } from '../command.js';

/** Names of flags, and the two levels. */
const flags = [
  'warning', 'error', 'gamma-near-zero', 'variance-near-eps', 'variance-zero', 'variance-negative', 'nan', 'infinity', 'never-updated',
  'eps-unlike-family', 'duplicate-keys', 'missing-keys', 'shape-mismatch',
] as const;

export const inspectSpec = spec({
  name: 'inspect',
  summary: "a model's norm layers: kinds, eps, γ, β and running statistics, and what looks wrong",
  about: [
    'Lists every norm layer of a .safetensors, .pth or .onnx file or a folder of shards: its kind, width and eps, and its '
    + 'tensors as histograms with their least and greatest element. Below them it flags what may be wrong, in all tensors of '
    + 'the file.',
    'Kinds come from the nodes of an ONNX graph, else from keys and shapes; where these cannot tell, it says so: LayerNorm or '
    + 'GroupNorm. State dicts store no eps: it is taken from a config.json in the same folder, where there is one.',
    'It exits 0 whatever it flags, unless --fail-on names a flag or a level; warning names both.',
  ],
  operands: [{ name: 'MODEL', about: 'a .safetensors, .pth or .onnx file, or a folder of shards' }],
  options: {
    all: { kind: 'flag', about: 'every tensor in figures, what tells the kind, and the layers beside' },
    'fail-on': { kind: 'choice', value: 'FLAG', choices: flags, many: true, about: 'exits 1 where this is flagged' },
    config: { kind: 'path', value: 'FILE', about: 'a config.json that is not beside the model' },
    scan: { kind: 'choice', choices: ['all', 'norms'], about: 'which tensors are read in search of NaN and infinity; all by default' },
    entry: { kind: 'text', value: 'NAME', about: 'the dict of tensors, where a .pth file holds several' },
  },
  examples: [
    { line: 'evenkeel inspect resnet.onnx', about: 'six batch norms' },
    { line: 'evenkeel inspect vit.safetensors --all', about: 'every tensor in figures' },
    { line: 'evenkeel inspect poisoned.safetensors --fail-on error', about: 'in CI', exit: 1 },
    { line: 'evenkeel inspect poisoned.safetensors --fail-on variance-zero --fail-on never-updated', about: 'by names of flags' },
  ],
  json: {
    file: 'MODEL',
    kind: "what the file is: 'safetensors', 'pth', 'onnx', 'shards', 'npz' or 'npy'",
    tensors: 'how many it has',
    elements: 'in all of them',
    layout: "{model, layout, prefix} where the keys are those of a known model, or null",
    opset: "the version of ONNX's operators, or null",
    config: 'the path of the config.json that was read, or null',
    scan: "'all' or 'norms'",
    layers: 'for each: path, kind, candidates, evidence, eps, epsFrom, width, groups, pattern, follows, precedes, foldable, batches, '
    + 'and tensors, each with role, key, shape, format, count, min, max, mean, deviation, nans, infinities, nearZero and '
    + 'histogram {from, to, counts}',
    flags: 'for each: name, level, path, tensor, count, index, message',
    failed: 'how many flags --fail-on names',
  },
});
