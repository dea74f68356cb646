// Types of modules that hold others: what stands in a model is known, what users replace is any layer, and a hook sees what
// the module's forward takes and gives.
import { GELU, Identity, LayerNorm, Linear, ModuleList, ReLU, Sequential, type Layer, type Module, type Tensor } from 'evenkeel';
import {
  Mlp, MultiheadAttention, ResidualBlock, resnet18, type Attention, type AttentionOutput, type AttentionPass, type BasicBlock,
  type Bottleneck, type ConvNeXt, type VisionTransformer,
} from 'evenkeel/nn';
import { expectTypeOf, test } from 'vitest';

declare const vit: VisionTransformer;
declare const convnext: ConvNeXt;
const resnet = resnet18({ widths: [4, 4, 4, 4], numClasses: 2 });

test('what stands in a model is known by its class', () => {
  expectTypeOf(vit.blocks[0]?.attn).toEqualTypeOf<Attention | undefined>();
  expectTypeOf(vit.blocks[0]?.attn.qkv).toEqualTypeOf<Linear | undefined>();
  expectTypeOf(vit.blocks[0]?.norm1).toEqualTypeOf<Layer | undefined>();
  expectTypeOf(vit.blocks[0]?.mlp).toEqualTypeOf<Mlp | undefined>();
  expectTypeOf(convnext.stages[0]?.[0]?.gamma?.shape).toEqualTypeOf<readonly number[] | undefined>();
  expectTypeOf(convnext.stages[0]?.[0]?.pwconv1).toEqualTypeOf<Linear | undefined>();
  expectTypeOf([resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4]).toEqualTypeOf<Sequential<BasicBlock | Bottleneck>[]>();
  expectTypeOf(new ResidualBlock(4, new Linear(4, 4), new Mlp(4, 8)).attn).toEqualTypeOf<Linear>();
});

test('a head is any layer', () => {
  vit.head = new Identity();
  convnext.head = new Sequential(new Linear(4, 4), new GELU());
  convnext.norm = new Identity();
  resnet.fc = new Identity();
  // @ts-expect-error: it takes three tensors
  resnet.fc = new MultiheadAttention(4, 2);
});

test('a class of one\'s own may have a name of its own', () => {
  class Wide extends LayerNorm {
    static override readonly type = 'Wide';
  }
  expectTypeOf(new Wide(2)).toExtend<Layer>();
});

test('a Sequential holds layers of any class, or of the one that is said', () => {
  expectTypeOf(new Sequential(new Linear(2, 2), new ReLU())).toEqualTypeOf<Sequential<Layer>>();
  new Sequential(new Linear(2, 2)).append(new ReLU());
  const linears = new Sequential<Linear>(new Linear(2, 2));
  expectTypeOf(linears[0]?.weight.shape).toEqualTypeOf<readonly number[] | undefined>();
  expectTypeOf(linears).toExtend<Layer>();
  expectTypeOf(new ModuleList([linears])[0]).toEqualTypeOf<Sequential<Linear> | undefined>();
  // @ts-expect-error: no Linear
  linears.append(new ReLU());
});

test('a hook sees what forward takes and gives', () => {
  new LayerNorm(2).registerForwardHook((layer, inputs, y) => {
    expectTypeOf(layer).toEqualTypeOf<LayerNorm>();
    expectTypeOf(inputs).toEqualTypeOf<readonly [x: Tensor]>();
    return y.mul(2);
  });
  new LayerNorm(2).registerForwardPreHook((_, [x]) => x.mul(2));
  new LayerNorm(2).registerForwardPreHook((_, [x]) => [x.mul(2)]);
  new MultiheadAttention(4, 2).registerForwardHook((_, inputs, result) => {
    const [query, , , options] = inputs;
    expectTypeOf(query).toEqualTypeOf<Tensor>();
    expectTypeOf(options).toEqualTypeOf<AttentionPass | undefined>();
    expectTypeOf(result).toEqualTypeOf<AttentionOutput>();
  });
  // @ts-expect-error: the output is a tensor, and so is what takes its place
  new LayerNorm(2).registerForwardHook(() => 3);
  // @ts-expect-error: as are the inputs
  new LayerNorm(2).registerForwardPreHook(() => 'x');
  const modules: readonly Module[] = [new Linear(2, 2), new MultiheadAttention(4, 2)];
  for (const module of modules) module.registerForwardHook((_, __, y) => void expectTypeOf(y).toBeUnknown());
});
