// npm start: every layer beside PyTorch, or one's own array.

import { start } from './start.js';

process.exitCode = await start(process.argv.slice(2), console.log, console.error);
