// npm run bench [-- FILTER] [--threads N] [--json FILE]: evenkeel beside its peers, on this machine.

import { KeelError } from 'evenkeel';
import { benchArguments, usage } from './arguments.js';
import { bench } from './bench.js';

process.stdout.on('error', (error) => {
  // `npm run bench | head` closes the pipe early, which is no failure.
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

try {
  const given = benchArguments(process.argv.slice(2));
  if (given.help) console.log(usage);
  else await bench(given, console.log);
  // Some peers leave threads behind that would keep the process alive.
  process.exit(0);
} catch (error) {
  const said = error instanceof KeelError ? `${error.name}: ${error.message}` : null;
  const option = error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  if (said === null && !option) throw error;
  console.error(said ?? (error instanceof Error ? error.message : error));
  process.exit(2);
}
