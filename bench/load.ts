// Finds the peers that are packages. They lie in bench/node_modules, which nothing else needs.

import { readFileSync } from 'node:fs';
import type { Missing } from './contestant.js';

/** build/bench/load.js, beside the folder that the packages are installed in. */
const folder = new URL('../../bench/', import.meta.url);

export interface Loaded {
  readonly module: unknown;
  readonly version: string;
}

/** A package of bench/package.json, or the command that installs it. */
export async function loadPeer(name: string): Promise<Loaded | Missing> {
  try {
    // Imported from there, a package is looked for there.
    const loader: { load(name: string): Promise<unknown> } = await import(new URL('load.mjs', folder).href);
    const { version } = JSON.parse(readFileSync(peerFile(`${name}/package.json`), 'utf8'));
    return { module: await loader.load(name), version };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    const why = code === 'ENOENT' ? 'not installed' : `does not load: ${String(message).split('\n')[0]}`;
    return { name, why, command: 'npm ci --prefix bench --ignore-scripts' };
  }
}

/** A file of an installed package. */
export function peerFile(path: string): URL {
  return new URL(`node_modules/${path}`, folder);
}
