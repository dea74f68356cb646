// `evenkeel completion`.

import { spec } from '../command.js';
import { shells } from '../complete.js';

export const completionSpec = spec({
  name: 'completion',
  summary: 'the script that teaches a shell these commands',
  about: [
    'Prints a completion script for a shell: commands, options, and the choices of options.',
  ],
  operands: [{ name: 'SHELL', about: shells.join(', '), complete: 'shells' }],
  options: {},
  examples: [
    { line: 'evenkeel completion bash > evenkeel.bash', about: 'bash: source it, or eval "$(evenkeel completion bash)" in ~/.bashrc' },
    { line: 'evenkeel completion zsh > _evenkeel', about: 'zsh: in a folder of $fpath' },
    { line: 'evenkeel completion fish > evenkeel.fish', about: 'fish: in ~/.config/fish/completions' },
  ],
  json: { shell: 'its name', script: 'the script' },
});
