// npm start: every layer beside PyTorch, or one's own array.

import { start } from './start.js';

process.stdout.on('error', (error) => {
  // `npm start | head` closes the pipe early, which is no failure. Results are written before anything is printed.
  if ('code' in error && error.code === 'EPIPE') process.exit();
  console.error(`cannot print: ${error.message}`);
  process.exit(3);
});

process.exitCode = await start(process.argv.slice(2), console.log, console.error);
