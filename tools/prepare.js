// What npm runs after an install in the project itself: builds the package. Without development dependencies, as when
// the package is installed by others, there is nothing to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';

const tsc = 'node_modules/ts7/bin/tsc';
if (existsSync('src')) {
  if (!existsSync(tsc)) {
    console.error(`run npm ci in ${basename(process.cwd())} first`);
    process.exit(1);
  }
  const lab = ['node_modules/vite/bin/vite.js', 'build', '--config', 'lab/vite.config.ts', '--logLevel', 'warn'];
  for (const step of [['wasm/build.js'], [tsc, '-b', 'tsconfig.tools.json'], lab]) {
    const { status } = spawnSync(process.execPath, step, { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
