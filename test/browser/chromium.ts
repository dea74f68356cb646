// Which Chromium runs the rows, and what makes its pages cross-origin isolated.
import { existsSync } from 'node:fs';

/** Debian's, or what the environment names. */
export function chromiumPath(): string {
  const path = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
  if (existsSync(path)) return path;
  throw new Error(`there is no ${path}: install Debian's package chromium, or say where one is by CHROMIUM=/path/to/chromium`);
}

/** Pages with these headers have shared memory. */
export const isolation = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
} as const;
