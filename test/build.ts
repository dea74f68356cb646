// Before the rows: builds what some of them run as a user does. Where types are wrong, those rows fail and the others run.
import { spawnSync } from 'node:child_process';

export function setup(): void {
  spawnSync(process.execPath, ['node_modules/ts7/bin/tsc', '-b', 'tsconfig.tools.json'], { stdio: 'inherit' });
}
