// `evenkeel fold`.

import { spec } from '../command.js';

export const foldSpec = spec({
  name: 'fold',
  summary: 'norms into the layers beside them, for inference',
  about: [
    'Writes a model that computes the same with fewer norms: a BatchNorm goes into the convolution or linear layer before it, '
    + 'the scale and shift of a LayerNorm or RMSNorm into the linear layer behind it, and a layer scale into the layer before. '
    + 'MODEL is a state dict (.safetensors, .pth, a folder of shards), of which a .safetensors file is written, or an .onnx file, of '
    + 'which an .onnx file is written, with everything in it that is not folded as it was.',
    'Only what the file proves is folded. A state dict proves it where its layout is known: ResNet, ConvNeXt and '
    + 'VisionTransformer of timm and torchvision, ConvNeXt of facebook and huggingface; for others --pair names a norm and its '
    + 'layer. What is kept is listed with the reason. Where nothing can be folded nothing is written, and the exit code is 1.',
    'Every pair is computed before and after on random input; the largest difference is printed, and one beyond what rounding '
    + 'explains ends the command before anything is written. Parameters are computed in float64 and rounded once to the dtype '
    + 'that they have.',
  ],
  operands: [{ name: 'MODEL', about: 'a file, or a folder of shards' }],
  options: {
    out: { kind: 'path', short: 'o', value: 'OUT', about: 'writes the folded model; without it nothing is written' },
    eps: { kind: 'number', value: '1e-5', about: 'of batch norms, which state dicts do not hold; 1e-5 by default' },
    pair: { kind: 'text', value: 'NORM=INTO', many: true, about: 'folds this pair of a state dict, and none that is not named. NORM=INTO:KIND where they stand otherwise: batch-norm-linear, say, or layer-norm-conv before a convolution that does not pad' },
    entry: { kind: 'text', value: 'NAME', about: 'which dict of tensors, where a .pth file holds several' },
    overwrite: { kind: 'flag', about: 'puts the result in the place of OUT, which may be MODEL' },
  },
  examples: [
    { line: 'evenkeel fold resnet.safetensors', about: 'what could be folded' },
    { line: 'evenkeel fold resnet.pth -o folded.safetensors', about: 'a state dict without batch norms' },
    { line: 'evenkeel fold vit.safetensors -o folded-vit.safetensors', about: 'norms without scale and shift' },
    { line: 'evenkeel fold resnet.onnx -o folded.onnx', about: 'a graph without BatchNormalization' },
    { line: 'evenkeel fold resnet.safetensors --pair bn1=conv1 --eps 1e-3', about: 'one pair, with another eps' },
  ],
  json: {
    input: 'MODEL',
    output: 'OUT, or null',
    layout: 'model, layout and prefix of a state dict that was recognized; else null',
    eps: 'what was taken for batch norms of a state dict; null of .onnx',
    pairs: 'for each pair that was folded: norm, into, kind, largestDifference and tolerance',
    kept: 'for each norm that was not: norm and reason',
    added: 'keys of biases that came',
    removed: 'keys of batch norms that went',
    beside: 'files beside an .onnx file that the folded one still needs',
  },
});
