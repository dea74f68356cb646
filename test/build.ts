// Before the rows: builds what some of them run as a user does. Where types are wrong, those rows fail and the others run.
import { spawnSync } from 'node:child_process';

export function setup(): void {
  const lab = ['node_modules/vite/bin/vite.js', 'build', '--config', 'lab/vite.config.ts', '--logLevel', 'warn'];
  for (const step of [['wasm/build.js'], ['node_modules/ts7/bin/tsc', '-b', 'tsconfig.tools.json'], lab]) {
    spawnSync(process.execPath, step, { env: { ...process.env, NODE_ENV: 'production' }, stdio: 'inherit' });
  }
}
