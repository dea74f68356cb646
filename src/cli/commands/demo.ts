// `evenkeel demo`.

import { spec } from '../command.js';

export const demoSpec = spec({
  name: 'demo',
  summary: 'every layer on photos, digits and a worked example, beside PyTorch',
  about: [
    'Runs every normalization layer, forward and backward, on real data that comes with the package, and compares the results '
    + "with those of PyTorch in float64: the distance of evenkeel's float32 from them, that of PyTorch's own float32, and "
    + 'the milliseconds on WebAssembly and on the reference backend.',
  ],
  operands: [],
  options: {
    stored: { kind: 'path', value: 'FOLDER', about: 'compares with start.json and start.safetensors of this folder instead' },
  },
  examples: [
    { line: 'evenkeel demo', about: 'the table, and whether all results are within their limits' },
    { line: 'evenkeel demo --json > demo.json', about: 'every distance of every result' },
  ],
  json: {
    torch: 'the version of PyTorch that the results are of',
    rows: 'for each row: input, layer, pattern, shape, statistics, millis, referenceMillis, and results with name, error, torchError, limit',
    deviations: 'a line for each result beyond its limit',
  },
});
