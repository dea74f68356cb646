// The op of the hybrid residual block on nn.MultiheadAttention's parameters. May import 'evenkeel' and 'evenkeel/nn'.

import { GELU, keep, Linear, Module, Sequential, type Tensor } from 'evenkeel';
import { MultiheadAttention, ResidualBlock } from 'evenkeel/nn';
import type { Op } from './case.js';
import { normOf } from './modules.js';

export const residual: Readonly<Record<string, Op>> = {
  HybridBlock(run) {
    const { args } = run;
    const [channels, hidden] = [args.number('channels'), args.number('hidden')];
    const attention = new SelfAttention(channels, args.number('heads'), run.has(`${packed}in_proj_bias`));
    const mlp = new Sequential(linear(channels, hidden, 'mlp.0'), new GELU(), linear(hidden, channels, 'mlp.2'));
    const normLayer = () => normOf(args.text('norm', 'LayerNorm'), channels);
    const block = new ResidualBlock(channels, attention, mlp, { placement: 'hybrid', normLayer });
    block.loadStateDict(new Map([...run.stateDict()].map(([key, value]) => [key.replace(packed, held), value])));
    block.train(args.has('mode') ? args.text('mode') === 'train' : args.flag('training', true));
    const seen: Tensor[] = [];
    // What the MLP takes is y1.
    mlp.registerForwardPreHook((_, [y1]) => void seen.push(keep(y1)));
    const [name = 'x'] = args.texts('positional', ['x']);
    const x = run.tensor(name);
    const y = block.forward(x);
    const [y1 = y] = seen;
    const leaves = block.namedParameters().map(([key, leaf]) => [key.replace(held, packed), leaf] as const);
    return { y, y1, ...run.gradients({ dy: y, dy1: y1 }, { [name]: x, ...Object.fromEntries(leaves) }) };

    function linear(from: number, to: number, key: string): Linear {
      return new Linear(from, to, { bias: run.has(`${key}.bias`) });
    }
  },
};

/** The attention's keys in the corpus, and in the block. */
const packed = 'attn.';
const held = 'attn.inner.';

/** Attention of x to itself, batch first. */
class SelfAttention extends Module {
  inner: MultiheadAttention;

  constructor(channels: number, heads: number, bias: boolean) {
    super();
    this.inner = new MultiheadAttention(channels, heads, { batchFirst: true, bias });
  }

  forward(x: Tensor): Tensor {
    return this.inner.forward(x, x, x, { needWeights: false }).output;
  }
}
