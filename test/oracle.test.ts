// Every stored case on every backend: values and gradients within the limits, the stricter ones on the reference.

import { fileURLToPath } from 'node:url';
import { backends, useBackend } from 'evenkeel';
import { beforeAll, describe, expect, test } from 'vitest';
import { isLater, runCase } from '../tools/oracle/runner.js';
import { loadSuites } from '../tools/oracle/suite.js';

const suites = await loadSuites(fileURLToPath(new URL('oracle', import.meta.url)));

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  for (const { name, cases } of suites) {
    const rows = cases.filter((stored) => !isLater(stored)).map((stored) => ({ id: stored.id, stored }));
    if (rows.length === 0) continue;
    test.each(rows)(`${name} $id`, async ({ stored }) => {
      const { failure, strictFailure } = await runCase(stored);
      expect(backend === 'reference' ? strictFailure : failure).toBeNull();
    });
  }
});
