// `evenkeel lab`.

import { spec } from '../command.js';

export const labSpec = spec({
  name: 'lab',
  summary: 'a page that shows which numbers share a mean',
  about: [
    'Serves the lab to browsers on this machine, and to no others: a page to see which elements share a mean, to step through the '
    + 'arithmetic, to train with any norm, and to open a model, which never leaves the page. Ctrl-C ends it.',
    'The page gets the headers that threads need (cross-origin isolation).',
  ],
  operands: [],
  options: {
    port: { kind: 'count', value: 'PORT', about: 'to listen on; 0 takes a free one; 8118 by default' },
  },
  examples: [
    { line: 'evenkeel lab --port 0', about: 'prints the address to open', until: 'http://127.0.0.1:' },
  ],
  json: { address: 'of the page; printed when it is served' },
});
