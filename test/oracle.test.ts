// Every stored case on every backend: values and gradients within the stricter limits.
// And the runner's own rules.

import { fileURLToPath } from 'node:url';
import { backends, useBackend } from 'evenkeel';
import type { Elements } from 'evenkeel/io';
import { beforeAll, describe, expect, test } from 'vitest';
import { compare } from '../tools/oracle/compare.js';
import { missingFacts } from '../tools/oracle/errors.js';
import { sameRepr } from '../tools/oracle/meta.js';
import { normOf } from '../tools/oracle/modules.js';
import { parsePython } from '../tools/oracle/python.js';
import { runCase } from '../tools/oracle/runner.js';
import { loadSuites } from '../tools/oracle/suite.js';

const suites = await loadSuites(fileURLToPath(new URL('oracle', import.meta.url)));

describe.each(backends())('%s', (backend) => {
  beforeAll(() => {
    const before = useBackend(backend);
    return () => useBackend(before);
  });

  for (const { name, cases } of suites) {
    const rows = cases.map((stored) => ({ id: stored.id, stored }));
    if (rows.length === 0) continue;
    test.each(rows)(`${name} $id`, async ({ stored }) => {
      const { strictFailure } = await runCase(stored);
      expect(strictFailure).toBeNull();
    });
  }
});

describe('the comparison', () => {
  const limits = { rtol: 1e-3, atol: 1e-3, strictAtol: 1e-6 };
  const rows = [
    ['equal values', vector(1, -2, 0), vector(1, -2, 0), 'strict'],
    ['within the stricter limit', vector(1000.5), vector(1000), 'strict'],
    ['within the limit', vector(5e-4), vector(0), 'passes'],
    ['beyond the limit at one element', vector(1, 2, 3.1), vector(1, 2, 3), 'fails'],
    ['NaN for NaN', vector(NaN, 1), vector(NaN, 1), 'strict'],
    ['infinity for the same infinity', vector(Infinity, -Infinity), vector(Infinity, -Infinity), 'strict'],
    ['a number for NaN', vector(1), vector(NaN), 'fails'],
    ['NaN for a number', vector(NaN), vector(1), 'fails'],
    ['infinity for a large number', vector(Infinity), vector(3e38), 'fails'],
    ['the other infinity', vector(-Infinity), vector(Infinity), 'fails'],
    ['another shape', { ...vector(1), shape: [1, 1] }, vector(1), 'fails'],
    ['another dtype', { dtype: 'float64', shape: [1], data: Float64Array.of(1) }, vector(1), 'fails'],
    ['integers off by one', counter(2n ** 60n), counter(2n ** 60n + 1n), 'fails'],
    ['no elements', vector(), vector(), 'strict'],
    ['nothing computed', undefined, vector(1), 'fails'],
  ] as const;

  test.each(rows)('%s', (_, actual, expected, outcome) => {
    const exact = expected.dtype === 'int64' ? { rtol: 0, atol: 0, strictAtol: null } : limits;
    const { ok, strict } = compare(actual, expected, exact);
    expect(strict ? 'strict' : ok ? 'passes' : 'fails').toBe(outcome);
  });
});

describe("PyTorch's words and numbers in a message", () => {
  test.each([
    ['got input size torch.Size([1, 3])', 'Got input SIZE [1, 3]', []],
    ['got input size [2, 3]', 'got 2 x 4 as input', ['size', '3']],
    ['eps must be positive, got -0.5', 'eps must be positive, got -0.50', []],
    ['num_groups (2)', 'num groups (12)', ['num_groups', '2']],
  ])('%s | %s', (expected, actual, missing) => {
    expect(missingFacts(expected, actual)).toEqual(missing);
  });
});

test("PyTorch's older reprs are accepted", () => {
  const newer = 'L(\n  (0-1): 2 x S(\n    (0-2): 3 x LayerNorm((4,), eps=1e-05, bias=True)\n  )\n  (2): ReLU()\n)';
  const norms = [0, 1, 2].map((i) => `    (${i}): LayerNorm((4,), eps=1e-05)\n`).join('');
  const older = `L(\n${[0, 1].map((i) => `  (${i}): S(\n${norms}  )\n`).join('')}  (2): ReLU()\n)`;
  expect([newer, older, older.replace('(2): ReLU', '(3): ReLU')].map((text) => sameRepr(text, newer))).toEqual([true, true, false]);
});

describe('Python constructor text', () => {
  const linear = call('nn.Linear', [5, 4]);
  test.each([
    ['nn.Linear(5, 4)', linear],
    ['BatchNorm2d(3, eps=1e-3, momentum=None)', call('BatchNorm2d', [3], { eps: 1e-3, momentum: null })],
    ['LayerNorm((3,), bias=True)', call('LayerNorm', [[3]], { bias: true })],
    ['LayerNorm([2, 3],)', call('LayerNorm', [[2, 3]])],
    ['F((4), ())', call('F', [4, []])],
    ["f(nn.Linear(5, 4), name='weight', dim=-1)", call('f', [linear], { name: 'weight', dim: -1 })],
    ["f(torch.relu, float('inf'), .5, +2.)", call('f', [{ name: 'torch.relu' }, Infinity, 0.5, 2])],
  ])('%s', (text, value) => {
    expect(parsePython(text)).toEqual(value);
  });

  test.each(['', 'f(', 'f(1 2)', 'f(1))', 'f(a=)', '1 + 2', 'f(*x)', "f('a)"])("refuses '%s'", (text) => {
    expect(() => parsePython(text)).toThrow('cannot read the Python');
  });
});

test.each([
  ['LayerNorm', 'LayerNorm((6,), eps=1e-05, elementwise_affine=True, bias=True)'],
  ['LayerNorm(eps=1e-6, bias=False)', 'LayerNorm((6,), eps=1e-06, elementwise_affine=True, bias=False)'],
  ['nn.RMSNorm(C)', 'RMSNorm((6,), eps=None, elementwise_affine=True)'],
  ['RMSNorm(6, eps=1e-6)', 'RMSNorm((6,), eps=1e-06, elementwise_affine=True)'],
  ['GroupNorm(2, C)', 'GroupNorm(2, 6, eps=1e-05, affine=True, bias=True)'],
  ['GroupNorm(num_groups=3)', 'GroupNorm(3, 6, eps=1e-05, affine=True, bias=True)'],
])('%s of 6 channels', (text, repr) => {
  expect(String(normOf(text, 6))).toBe(repr);
});

function vector(...values: number[]): Elements {
  return { dtype: 'float32', shape: [values.length], data: new Float32Array(values) };
}

function counter(value: bigint): Elements {
  return { dtype: 'int64', shape: [], data: BigInt64Array.of(value) };
}

function call(callee: string, args: unknown[], keywords: Record<string, unknown> = {}) {
  return { callee, args, keywords: new Map(Object.entries(keywords)) };
}
