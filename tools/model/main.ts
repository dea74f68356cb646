// npm run model -- DIR [--out OUT] [--backend NAME]: rebuilds each model of a folder from its JSON, loads its checkpoints,
// and computes what NAME.expected.safetensors holds. May import 'evenkeel' and 'evenkeel/io'.

import { parseArgs } from 'node:util';
import { backends, useBackend } from 'evenkeel';
import { runModels } from './run.js';

const usage = 'usage: npm run model -- DIR [--out OUT] [--backend NAME]';

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}

/** Exit code: 0 if every result is within its tolerance, 1 if any is not. */
async function main(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      out: { type: 'string' },
      backend: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  const [folder, ...surplus] = positionals;
  if (values.help) {
    console.log(`${usage}\nbackends: ${backends().join(', ')}`);
    return 0;
  }
  if (folder === undefined || surplus.length > 0) throw new Error(usage);
  if (values.backend !== undefined) useBackend(values.backend);
  return (await runModels(folder, values.out ?? null, console.log)) ? 0 : 1;
}
