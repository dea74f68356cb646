// Ops of vision models and their blocks, under torchvision's arguments and names. May import 'evenkeel' and 'evenkeel/nn'.

import { BatchNorm2d, Conv2d, LayerNorm, Sequential, zeros, type Layer, type Module, type Tensor } from 'evenkeel';
import {
  Attention, BasicBlock, Bottleneck, ConvNeXt, ConvNeXtBlock, convertKeys, Mlp, ResidualBlock, ResNet, VisionTransformer,
  type LayoutName, type MakeNorm, type ResNetBlock,
} from 'evenkeel/nn';
import type { Op, Outputs, Run } from './case.js';
import { isList } from './fields.js';
import { normOf } from './modules.js';
import { runPasses } from './passes.js';

export const vision: Readonly<Record<string, Op>> = {
  CNBlock(run) {
    const layerScale = run.has('layer_scale') ? 1e-6 : null;
    return runConverted(run, new ConvNeXtBlock(run.args.number('dim'), { layerScale }), 'torchvision');
  },

  /** Under facebookresearch's names; `normed` is the norm's output, channels last. */
  ConvNeXtBlock(run) {
    const block = new ConvNeXtBlock(run.args.number('dim'), {
      layerScale: run.has('gamma') ? 1e-6 : null,
      grn: run.has('grn.gamma'),
    });
    const outputs = runConverted(run, block, 'facebook');
    const normed = () => block.norm.forward(block.dwconv.forward(inputOf(run))).permute([0, 2, 3, 1]);
    return { ...outputs, ...(run.wants('normed') ? { normed: normed() } : {}) };
  },

  ConvNeXt(run) {
    const settings = run.args.list('block_setting').map((row) => (isList(row) ? row.map(Number) : []));
    const [, inChannels = 3, patch = 4] = run.shapeOf('features.0.0.weight');
    const model = new ConvNeXt({
      inChannels,
      patch,
      numClasses: run.args.number('num_classes', 1000),
      dims: settings.map(([dim = 0]) => dim),
      depths: settings.map(([, , depth = 0]) => depth),
      layerScale: run.has('features.1.0.layer_scale') ? 1e-6 : null,
    });
    return { ...runConverted(run, model, 'torchvision'), features: model.features(inputOf(run)) };
  },

  /** torchvision's encoder layer is timm's block under other names. */
  EncoderBlock(run) {
    const dim = run.args.number('hidden_dim');
    const attention = new Attention(dim, { numHeads: run.args.number('num_heads'), qkvBias: true });
    const normLayer: MakeNorm = () => new LayerNorm(dim, { eps: 1e-6 });
    const block = new ResidualBlock(dim, attention, new Mlp(dim, run.args.number('mlp_dim')), { normLayer });
    return runConverted(run, block, 'torchvision', 'timm');
  },

  VisionTransformer(run) {
    const dim = run.args.number('hidden_dim');
    const [, inChannels = 3] = run.shapeOf('conv_proj.weight');
    const model = new VisionTransformer({
      inChannels,
      dim,
      imageSize: run.args.number('image_size'),
      patchSize: run.args.number('patch_size'),
      depth: run.args.number('num_layers'),
      numHeads: run.args.number('num_heads'),
      mlpRatio: run.args.number('mlp_dim') / dim,
      numClasses: run.args.number('num_classes', 1000),
      representationSize: run.args.numberOrNull('representation_size', null),
    });
    return { ...runConverted(run, model, 'torchvision'), encoder_out: model.features(inputOf(run)) };
  },

  BasicBlock: (run) => runModule(run, resnetBlock(run, BasicBlock)),
  Bottleneck: (run) => runModule(run, resnetBlock(run, Bottleneck)),

  ResNet(run) {
    const [, inChannels = 3, kernel = 7] = run.shapeOf('conv1.weight');
    const deep = run.has('layer1.0.conv3.weight');
    const model = new ResNet(deep ? Bottleneck : BasicBlock, run.args.numbers('layers'), {
      inChannels,
      numClasses: run.args.number('num_classes', 1000),
      widths: run.args.numbers('widths'),
      stem: { kernel, stride: 2, padding: (kernel - 1) / 2, maxPool: true },
      normLayer: makeNorm(run),
      groups: run.args.number('groups', 1),
      widthPerGroup: run.args.number('width_per_group', 64),
    });
    return runModule(run, model);
  },
};

/** Where our names are torchvision's. */
function runModule(run: Run, module: Module): Outputs {
  const [x = 'x'] = run.args.texts('positional', ['x']);
  return runPasses(run, module, [{ x, training: isTraining(run) }]);
}

/**
 * One pass of a module whose state has names in the corpus that are not ours: they are converted on the way in, or by the
 * module itself, and gradients and buffers are converted back.
 */
function runConverted(run: Run, module: Layer, theirs: LayoutName, ours: LayoutName | null = null): Outputs {
  const state = run.stateDict();
  module.loadStateDict(ours === null ? state : convertKeys(state, ours));
  module.train(isTraining(run));
  const x = inputOf(run);
  const y = module.forward(x);
  const after = convertKeys(module.stateDict(), theirs);
  const buffers = Object.fromEntries([...after].map(([name, value]) => [`${name}_after`, value]));
  if (!run.has('dy')) return { y, ...buffers };
  y.backward(run.tensor('dy'));
  const gradients = module.namedParameters().map(([name, { grad, shape }]) => [name, grad ?? zeros(shape)] as const);
  const named = [...convertKeys(new Map(gradients), theirs)].map(([name, gradient]) => [`d${name}`, gradient]);
  return { y, ...buffers, dx: x.grad ?? zeros(x.shape), ...Object.fromEntries(named) };
}

function inputOf(run: Run): Tensor {
  const [x = 'x'] = run.args.texts('positional', ['x']);
  return run.tensor(x);
}

function isTraining(run: Run): boolean {
  return run.args.has('mode') ? run.args.text('mode') === 'train' : run.args.flag('training', true);
}

/** A block of ResNet with a downsample of a convolution of 1×1 and a norm, where the case has its parameters. */
function resnetBlock(run: Run, Block: ResNetBlock): Module {
  const [inPlanes, planes, stride] = [run.args.number('inplanes'), run.args.number('planes'), run.args.number('stride', 1)];
  const normLayer = makeNorm(run);
  const out = planes * Block.expansion;
  const downsample = run.has('downsample.0.weight')
    ? new Sequential(new Conv2d(inPlanes, out, 1, { stride, bias: false }), normLayer(out))
    : null;
  const { args } = run;
  const widths = { groups: args.number('groups', 1), baseWidth: args.number('base_width', 64) };
  return new Block(inPlanes, planes, { stride, downsample, ...widths, dilation: args.number('dilation', 1), normLayer });
}

/** `GroupNorm(4, C)` with the channels in C's place; BatchNorm2d where the case names none. */
function makeNorm(run: Run): MakeNorm {
  const text = run.args.get('norm') ?? null;
  if (text === null) return (channels) => new BatchNorm2d(channels);
  return (channels) => normOf(run.args.text('norm'), channels);
}
