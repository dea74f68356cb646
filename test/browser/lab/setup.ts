// Before the lab's rows: builds the page as it is published.
import { build } from 'vite';

export async function setup(): Promise<void> {
  await build({ configFile: 'lab/vite.config.ts', logLevel: 'warn' });
}
