// `evenkeel convert`.

import { spec } from '../command.js';

export const convertSpec = spec({
  name: 'convert',
  summary: 'a state dict as .safetensors, under the names of another library',
  about: [
    'Writes the tensors of IN, a .pth, .npz, .npy, .safetensors or .onnx file or a folder of shards, to OUT, a .safetensors file. '
    + 'They keep their names, shapes and dtypes unless something else is asked for: a 16-bit file stays one. What it says of '
    + 'itself is kept too. Files may be larger than memory.',
    '--to gives the tensors the names, order and shapes that another library has for the same model: ConvNeXt of timm, '
    + 'torchvision, facebook and huggingface, VisionTransformer of timm and torchvision, ResNet.',
    "--weight-norm old writes weight_norm's weight_g and weight_v, parametrized their names since PyTorch 2.1, plain the "
    + 'weights that they stand for; the same for spectral_norm.',
  ],
  operands: [
    { name: 'IN', about: 'a file, or a folder of shards' },
    { name: 'OUT', about: 'a .safetensors file' },
  ],
  options: {
    to: { kind: 'choice', choices: ['timm', 'torchvision', 'facebook', 'huggingface'], about: 'the library whose names the tensors get' },
    'weight-norm': { kind: 'choice', choices: ['old', 'parametrized', 'plain'], about: 'the form that reparametrized weights get' },
    floats: { kind: 'choice', choices: ['float32', 'float16', 'bfloat16'], about: 'the dtype that all floats get, rounded to even; else they keep their own' },
    entry: { kind: 'text', value: 'NAME', about: 'which dict of tensors, where a .pth file holds several' },
    overwrite: { kind: 'flag', about: 'puts the result in the place of OUT, which may be IN' },
  },
  examples: [
    { line: 'evenkeel convert resnet.pth model.safetensors', about: 'the same tensors in another format' },
    { line: 'evenkeel convert convnext.pth facebook.safetensors --to facebook', about: "timm's ConvNeXt under facebook's names" },
    { line: 'evenkeel convert mlp.pth plain.safetensors --weight-norm plain', about: 'without weight_norm and spectral_norm' },
    { line: 'evenkeel convert vit.safetensors half.safetensors --floats bfloat16', about: 'in half the bytes' },
  ],
  json: {
    input: 'IN',
    output: 'OUT',
    layout: 'model, from and to, where --to was given; else null',
    tensors: 'for each: name, shape, dtype, from (keys of IN) and fromDtype',
    notes: 'what is said on standard error',
  },
});
