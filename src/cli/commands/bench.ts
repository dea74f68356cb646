// `evenkeel bench`.

import { spec } from '../command.js';
import { layerNames } from '../layernames.js';

export const benchSpec = spec({
  name: 'bench',
  summary: "the speed of evenkeel's kernels on this machine, against a copy",
  about: [
    'Times layers, forward and backward, on arrays of this machine: milliseconds, gigabytes moved in a second, and the share '
    + 'of the speed at which one thread copies an array of the same size. A forward pass that reads x and writes y once moves what a copy '
    + 'moves; the backward pass reads x and dy and writes dx.',
    'Times are medians. What else the machine does shows in them: close what you can, and run it again.',
  ],
  operands: [{ name: 'LAYER', about: `of ${layerNames.join(', ')}; all by default`, many: true, complete: 'layers' }],
  options: {
    shape: { kind: 'shape', value: '8x64x56x56', about: 'of the input; by default one of 6 MB and one of 103 MB' },
    groups: { kind: 'count', value: 'G', about: 'of group-norm; 8 by default' },
    threads: { kind: 'count', value: 'N', about: 'that take part; as many as there are processors, at most 8, by default' },
    seconds: { kind: 'number', value: '0.3', about: 'for each time; 0.3 by default' },
  },
  examples: [
    { line: 'evenkeel bench layer-norm batch-norm --shape 8x16x32x32 --seconds 0.05', about: 'two layers on a small input' },
    { line: 'evenkeel bench rms-norm --shape 128x768 --threads 1 --seconds 0.05 --json', about: 'one thread, as JSON' },
  ],
  json: {
    threads: 'how many took part',
    rows: 'for each layer and shape: layer, shape, bytes of the input, copyMillis, and forward and backward with millis, gigabytesPerSecond, shareOfCopy; backward is null where the shape is too small to tell',
  },
});
