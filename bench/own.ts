// evenkeel as a contestant, on any of its backends. May import 'evenkeel', contestant, epoch, network and row.

import { AdamW, noGrad, tensor, Tensor, type AddNorm } from 'evenkeel';
import { timeCalls, type Contestant, type Numbers, type Pass, type Peer } from './contestant.js';
import { enterEpoch } from './epoch.js';
import { networkOf, on, type Network } from './network.js';
import { states, type Work } from './row.js';

/** evenkeel on the backend of this name. */
export function evenkeel(name: string, version: string, backend: string): Peer {
  return {
    name,
    version,
    enter: async (row, pass, numbers) => enterOwn(row, pass, numbers, backend),
    close: () => {},
  };
}

/** The work as a contestant on one backend. */
export function enterOwn(work: Work, pass: Pass, numbers: Numbers, backend: string): Contestant | Promise<Contestant> {
  if (pass === 'epoch') return enterEpoch(work, numbers, backend);
  const subject = on(backend, () => subjectOf(work, numbers, pass !== 'forward' || work.recorded));
  const { inputs, forward, network } = subject;
  const call = work.recorded ? forward : () => noGrad(forward);
  // The kernel alone writes into one of its inputs.
  const done = (result: Tensor | AddNorm): void => {
    if (!(result instanceof Tensor && inputs.includes(result))) drop(result);
  };
  const probeForward = (places: readonly number[]): number[] => {
    const result = call();
    const seen = elementsOf(result instanceof Tensor ? result : result.y, places);
    done(result);
    return seen;
  };
  if (pass === 'forward') return contestant(backend, subject, () => done(call()), probeForward);

  const dy = on(backend, () => tensor(numbers('dy'), [...work.output]));
  const optimizer = pass === 'training step' && network !== null ? new AdamW(network.parameters) : null;
  const fresh = optimizer?.stateDict();
  const backward = (see: (dx: Tensor) => void): void => {
    const result = forward();
    (result instanceof Tensor ? result : result.y).backward(dy);
    optimizer?.step();
    const dx = inputs[0]?.grad;
    if (dx) see(dx);
    for (const input of inputs) {
      input.grad?.dispose();
      if (input.requiresGrad) input.grad = null;
    }
    drop(result);
  };
  const probe = (places: readonly number[]): number[] => {
    network?.restart();
    if (fresh !== undefined) optimizer?.loadStateDict(fresh);
    let seen: number[] = [];
    backward((dx) => {
      seen = elementsOf(dx, places);
    });
    return optimizer === null ? seen : probeForward(places);
  };
  return contestant(backend, { ...subject, inputs: [...inputs, dy] }, () => backward(() => {}), probe);
}

function elementsOf({ data }: Tensor, places: readonly number[]): number[] {
  return places.map((place) => Number(data[place]));
}

/** What a pass computes, of what: all inputs of the function, or x and the module's parameters. */
interface Subject {
  readonly inputs: readonly Tensor[];
  readonly forward: () => Tensor | AddNorm;
  readonly network: Network | null;
}

function subjectOf(work: Work, numbers: Numbers, learns: boolean): Subject {
  const { own, inputs: shapes } = work;
  const make = (name: string, shape: readonly number[]): Tensor =>
    tensor(numbers(name), [...shape], { requiresGrad: learns && !states.includes(name) });
  if (typeof own === 'function') {
    const inputs = Object.entries(shapes).map(([name, shape]) => make(name, shape));
    return { inputs, forward: () => own(...inputs), network: null };
  }
  const x = make('x', shapes['x'] ?? []);
  const network = networkOf(work, own.module, numbers);
  return { inputs: [x, ...network.parameters], forward: () => network.module.forward(x), network };
}

function contestant(
  backend: string,
  { inputs, network }: Subject,
  run: () => void,
  probe: (places: readonly number[]) => number[],
): Contestant {
  return {
    sample: (calls) => on(backend, () => timeCalls(calls, run)),
    probe: async (places) => on(backend, () => probe(places)),
    close: () => {
      for (const input of inputs) input.dispose();
      network?.dispose();
    },
  };
}

function drop(result: Tensor | AddNorm): void {
  if (result instanceof Tensor) {
    result.dispose();
  } else {
    result.sum.dispose();
    result.y.dispose();
  }
}
