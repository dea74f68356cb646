// Screen 7 as a program to copy: one block of a placement on a seeded input. May import the steps.

import type { Placement } from 'evenkeel/nn';
import { formulaOf, programs } from '../worker/jobs/blockprograms.js';

export interface BlockProgram {
  readonly placement: Placement;
  /** DeepNorm's constants go by it. */
  readonly depth: number;
  readonly scale: string;
  readonly seed: number;
}

/** Prints the rms of the block's output. */
export function blockProgram({ placement, depth, scale, seed }: BlockProgram, language: 'python' | 'typescript'): string {
  const isDeep = placement === 'deepnorm';
  const lines = {
    python: [
      'import torch', 'from torch import nn', 'from torch.nn import functional as F', '', `torch.manual_seed(${seed})`, `x = torch.randn(2, 6, 32) * ${scale}`,
      'qkv, proj = nn.Linear(32, 96, bias=False), nn.Linear(32, 32)', 'mlp = nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32))',
      ...normNames(placement).map((name) => `${name} = nn.LayerNorm(32)`),
      ...(isDeep ? [`α, β = ${2 * depth} ** 0.25, ${8 * depth} ** -0.25`, ...deepInit] : []), '', 'def attn(x):',
      '    q, k, v = qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)', '    return proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))', '',
      ...programs[placement].filter(({ operation }) => operation !== 'x').map((step) => formulaOf(step).replaceAll('·', '*')), 'print(y.square().mean().sqrt().item())',
    ],
    typescript: [
      "import { manualSeed, randn } from 'evenkeel';", `import { Attention, ${isDeep ? 'deepNormConstants, deepNormInit, ' : ''}Mlp, ResidualBlock } from 'evenkeel/nn';`, '',
      `manualSeed(${seed});`, `const x = randn([2, 6, 32]).mul(${scale});`,
      ...(isDeep ? [`const { alpha = 1, beta = 1 } = deepNormConstants({ encoderLayers: ${depth} }).encoder ?? {};`] : []),
      `const block = new ResidualBlock(32, new Attention(32, { numHeads: 4 }), new Mlp(32, 128), { placement: '${placement}'${isDeep ? ', alpha' : ''} });`,
      ...(isDeep ? ['deepNormInit(block, beta);'] : []), 'console.log(Math.sqrt(block.forward(x).square().mean().item()));',
    ],
  };
  return `${lines[language].join('\n')}\n`;
}

function normNames(placement: Placement): string[] {
  return programs[placement].flatMap(({ operation }) => (operation.startsWith('norm') ? [operation] : []));
}

/** q and k as Xavier's normal numbers of gain 1, all else of gain β. */
const deepInit = [
  'for weight, gains in [(qkv.weight, [1, 1, β]), (proj.weight, [β]), (mlp[0].weight, [β]), (mlp[2].weight, [β])]:',
  '    parts = [nn.init.xavier_normal_(part.detach().clone(), gain) for part, gain in zip(weight.chunk(len(gains)), gains)]',
  '    weight.data.copy_(torch.cat(parts))',
];
