// npm start: every layer beside PyTorch, or one's own array.

import { start } from './start.js';

// `npm start | head` closes the pipe early, which is no failure.
process.stdout.on('error', (error) => {
  if ('code' in error && error.code === 'EPIPE') process.exit();
  throw error;
});

process.exitCode = await start(process.argv.slice(2), console.log, console.error);
