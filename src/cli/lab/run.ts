// `evenkeel lab`: serves the built page on this machine's loopback until it is interrupted. May import node: and evenkeel.

import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { KeelError } from 'evenkeel';
import type { Given, Outcome } from '../command.js';
import type { labSpec } from '../commands/lab.js';
import { documentOf } from '../json.js';
import type { Terminal } from '../terminal.js';
import { siteOf } from './site.js';

/** Where `npm run build:lab` puts the page, which is part of the package. */
const folder = fileURLToPath(new URL('../../../dist/lab/', import.meta.url));

const PORT = 8118;

export async function run({ options }: Given<typeof labSpec>, terminal: Terminal): Promise<Outcome> {
  const port = options.port ?? PORT;
  if (port > 65535) throw new KeelError('argument', `--port takes 0 to 65535, got ${port}`, { port });
  const isBuilt = await stat(`${folder}index.html`).then(() => true, () => false);
  if (!isBuilt) throw new KeelError('file', `the lab is not built: run 'npm run build:lab' in the project`, { problem: 'missing' });
  const server = await siteOf(folder);
  const address = await listen(server, port);
  // Now, and not at the end: nothing else is to come.
  terminal.stdout.write(terminal.isJson ? `${documentOf('lab', { address })}\n` : `${address}\n`);
  terminal.note('Ctrl-C ends it');
  await once(terminal.signal, 'abort');
  server.closeAllConnections();
  server.close();
  return { exit: 0, json: { address }, text: [] };
}

async function listen(server: Server, port: number): Promise<string> {
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    const reason = isTaken ? `port ${port} is taken: give another, or --port 0 for a free one` : `cannot listen on port ${port}: ${String(error)}`;
    throw new KeelError('argument', reason, { port });
  }
  const given = server.address();
  return `http://127.0.0.1:${typeof given === 'object' && given !== null ? given.port : port}/`;
}
