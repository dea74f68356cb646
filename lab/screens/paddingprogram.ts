// Screen 6 as a program to copy: how far more padding moves a word, by BatchNorm and by LayerNorm. Imports nothing.

/** Prints two numbers: BatchNorm's and LayerNorm's. */
export function paddingProgram(sentences: readonly (readonly string[])[], more: number, seed: number, language: 'python' | 'typescript'): string {
  const vocabulary = [...new Set(sentences.flat())];
  const longest = Math.max(...sentences.map((words) => words.length));
  const numbers = `[${sentences.map((words) => `[${words.map((word) => vocabulary.indexOf(word) + 1).join(', ')}]`).join(', ')}]`;
  const lines = {
    python: [
      'import torch', 'from torch import nn', '', `sentences = ${numbers}  # numbers of words; 0 is padding`, `torch.manual_seed(${seed})`,
      `embedding = nn.Embedding(${vocabulary.length + 1}, 8, padding_idx=0)`, '', 'def tokens(length):',
      '    return embedding(torch.tensor([words + [0] * (length - len(words)) for words in sentences])).detach()', '',
      'def batch(x):', '    return nn.BatchNorm1d(8)(x.transpose(1, 2)).transpose(1, 2)', '', 'for norm in (batch, nn.LayerNorm(8)):',
      `    wide, tight = norm(tokens(${longest + more})), norm(tokens(${longest}))`,
      '    print(max((wide[i, :len(words)] - tight[i, :len(words)]).abs().max().item() for i, words in enumerate(sentences)))',
    ],
    typescript: [
      "import { BatchNorm1d, Embedding, LayerNorm, manualSeed, noGrad, tensor, type Tensor } from 'evenkeel';", '',
      `const sentences = ${numbers}; // numbers of words; 0 is padding`, `manualSeed(${seed});`,
      `const embedding = new Embedding(${vocabulary.length + 1}, 8, { paddingIdx: 0 });`,
      'const tokens = (length: number): Tensor => {', '  const rows = sentences.map((words) => Array.from({ length }, (_, i) => words[i] ?? 0));',
      "  return noGrad(() => embedding.forward(tensor(rows, { dtype: 'int64' })));", '};',
      'const batch = (x: Tensor): Tensor => new BatchNorm1d(8).forward(x.transpose(1, 2)).transpose(1, 2);',
      'const layer = (x: Tensor): Tensor => new LayerNorm(8).forward(x);', 'for (const norm of [batch, layer]) {',
      `  const moved = norm(tokens(${longest + more})).slice(1, 0, ${longest}).sub(norm(tokens(${longest}))).abs();`,
      '  console.log(Math.max(...sentences.map((words, i) => moved.slice(0, i, i + 1).slice(1, 0, words.length).max().item())));', '}',
    ],
  };
  return `${lines[language].join('\n')}\n`;
}
