// npm run oracle -- DIR [--backend NAME] [--suite A,B] [--out OUT]: runs every suite of a folder.
// May import 'evenkeel' and 'evenkeel/io'.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeSafetensors, type Elements } from 'evenkeel/io';
import { folderCommand, type FolderArguments } from '../foldercommand.js';
import { runCase, type Verdict } from './runner.js';
import { loadSuites } from './suite.js';

const usage = 'usage: npm run oracle -- DIR [--backend NAME] [--suite A,B] [--out OUT]';

await folderCommand(usage, ['suite'], runSuites);

/** True where every case passed. */
async function runSuites({ folder, out, own }: FolderArguments): Promise<boolean> {
  const suites = await loadSuites(folder, own['suite']?.split(',') ?? null);
  let passed = 0;
  let failed = 0;
  for (const { name, cases } of suites) {
    const verdicts: Verdict[] = [];
    for (const stored of cases) verdicts.push(await runCase(stored));
    const failures = verdicts.filter(({ failure }) => failure !== null).length;
    for (const { id, failure } of verdicts) {
      if (failure === null) continue;
      console.log(`${name}  ${id}  ${failure.output}  error ${failure.error}  limit ${failure.limit}`);
    }
    const strict = verdicts.filter(({ strictFailure }) => strictFailure === null).length;
    console.log(`${name}: ${cases.length - failures} of ${cases.length} passed, ${strict} at the strict tolerance`);
    passed += cases.length - failures;
    failed += failures;
    if (out !== null) await writeResults(out, name, verdicts);
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0;
}

/** OUT/SUITE.safetensors with what was computed, where anything was, and OUT/SUITE.results.json. */
async function writeResults(out: string, suite: string, verdicts: readonly Verdict[]): Promise<void> {
  await mkdir(out, { recursive: true });
  const tensors = new Map<string, Elements>();
  for (const { id, outputs } of verdicts) {
    for (const [name, elements] of outputs) tensors.set(`${id}/${name}`, elements);
  }
  if (tensors.size > 0) await writeFile(join(out, `${suite}.safetensors`), writeSafetensors(tensors));
  const results = verdicts.map(({ id, failure, facts }) => {
    const error = failure && `${failure.output}: error ${failure.error}, limit ${failure.limit}`;
    return [id, { ok: failure === null, error, ...facts }];
  });
  await writeFile(join(out, `${suite}.results.json`), `${JSON.stringify(Object.fromEntries(results), null, 1)}\n`);
}
