// Runs cases: an op on its tensors, a call that may raise, or a module that describes itself. May import 'evenkeel'.

import type { Elements } from 'evenkeel/io';
import { Run, type Op, type Outputs } from './case.js';
import { compare } from './compare.js';
import { callAndCatch, judge } from './errors.js';
import { onnx, webnn } from './foreign.js';
import { layers } from './layers.js';
import { describe, judgeMeta } from './meta.js';
import { modules } from './modules.js';
import { residual } from './residual.js';
import { random } from './rng.js';
import type { Case } from './suite.js';
import { transformer } from './transformer.js';
import { vision } from './vision.js';
import { weights } from './weights.js';

/** What fails a case: an output, how far off it is, and how far it may be. */
export interface Failure {
  readonly output: string;
  readonly error: string;
  readonly limit: string;
}

export interface Verdict {
  readonly id: string;
  readonly failure: Failure | null;
  /** The first output beyond its stricter limit, and so also the failure; null: the case is strict. */
  readonly strictFailure: Failure | null;
  /** What was computed, under the corpus's names. */
  readonly outputs: ReadonlyMap<string, Elements>;
  /** What the results file says beside `ok` and `error`. */
  readonly facts: Readonly<Record<string, unknown>>;
}

const ops: Readonly<Record<string, Op>> = {
  ...layers, ...weights, ...modules, ...residual, ...transformer, ...vision, ...onnx, ...webnn, ...random,
};

/** Runs a case on the backend in use. Whatever is thrown is a failure of the case. */
export async function runCase(stored: Case): Promise<Verdict> {
  try {
    if (stored.json.has('raises')) return errorCase(stored);
    if (stored.json.has('repr')) return await metaCase(stored);
    return await opCase(stored);
  } catch (error) {
    const failure = { output: 'all', error: String(error).replaceAll('\n', ' '), limit: 'must not raise' };
    return { id: stored.id, failure, strictFailure: failure, outputs: new Map(), facts: {} };
  }
}

async function opCase(stored: Case): Promise<Verdict> {
  const run = new Run(stored);
  const name = run.json.text('op');
  const op = Object.hasOwn(ops, name) ? ops[name] : undefined;
  if (op === undefined) throw new Error(`unknown op ${name}`);
  const outputs = await read(run, op(run));
  const failures: Failure[] = [];
  const strictFailures: Failure[] = [];
  for (const output of run.outputs) {
    const limits = run.limits(output);
    const { ok, strict, error, limit, problem } = compare(outputs.get(output), stored.tensors.get(output), limits);
    const failure = { output, error: `${show(error)} (${problem})`, limit: show(limit) };
    if (!ok) failures.push(failure);
    if (!strict) strictFailures.push(failure);
  }
  return {
    id: stored.id,
    failure: failures[0] ?? null,
    strictFailure: failures[0] ?? strictFailures[0] ?? null,
    outputs,
    facts: {},
  };
}

/** The outputs that the case asks for; `truth_y` is y again, held more tightly. */
async function read(run: Run, computed: Outputs): Promise<Map<string, Elements>> {
  const outputs = new Map<string, Elements>();
  for (const name of run.outputs) {
    const tensor = computed[name] ?? computed[name.replace(/^truth_/, '')];
    if (tensor === undefined) continue;
    outputs.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
  }
  return outputs;
}

function errorCase({ id, json }: Case): Verdict {
  const { raised, message, fault } = callAndCatch(json);
  const problem = fault ?? judge(json, { raised, message });
  return verdict(id, 'error', problem, json.flag('raises') ? 'must raise' : 'must not raise', { raised, message });
}

async function metaCase({ id, json }: Case): Promise<Verdict> {
  const { repr, training, parameters, state_dict } = await describe(id);
  const problem = judgeMeta(json, { repr, training, parameters, state_dict });
  return verdict(id, 'module', problem, 'must be equal', { repr, training, parameters, state_dict });
}

function verdict(id: string, output: string, problem: string | null, limit: string, facts: Verdict['facts']): Verdict {
  const failure = problem === null ? null : { output, error: problem.replaceAll('\n', ' '), limit };
  return { id, failure, strictFailure: failure, outputs: new Map(), facts };
}

function show(number: number): string {
  return Number.isNaN(number) ? '-' : number.toPrecision(3);
}
