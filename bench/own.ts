// evenkeel as a contestant, on any of its backends. May import 'evenkeel'.

import { noGrad, tensor, Tensor, useBackend, type AddNorm } from 'evenkeel';
import { timeCalls, type Contestant, type Numbers, type Pass, type Peer } from './contestant.js';
import { states, type Work } from './rows.js';

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
export function enterOwn(work: Work, pass: Pass, numbers: Numbers, backend: string): Contestant {
  const learns = pass === 'forward+backward' || work.recorded;
  const inputs = on(backend, () => inputsOf(work, numbers, learns));
  const forward = (): Tensor | AddNorm => work.own(...inputs);
  if (pass === 'forward') {
    const call = work.recorded ? forward : () => noGrad(forward);
    // The kernel alone writes into one of its inputs.
    const done = (result: Tensor | AddNorm): void => {
      if (!(result instanceof Tensor && inputs.includes(result))) drop(result);
    };
    return contestant(backend, inputs, () => done(call()), async (places) => {
      const result = call();
      const { data } = result instanceof Tensor ? result : result.y;
      const seen = places.map((place) => Number(data[place]));
      done(result);
      return seen;
    });
  }
  const dy = on(backend, () => tensor(numbers('dy'), [...work.output]));
  const backward = (see: (dx: Tensor) => void): void => {
    const result = forward();
    (result instanceof Tensor ? result : result.y).backward(dy);
    const dx = inputs[0]?.grad;
    if (dx) see(dx);
    for (const input of inputs) {
      input.grad?.dispose();
      if (input.requiresGrad) input.grad = null;
    }
    drop(result);
  };
  return contestant(backend, [...inputs, dy], () => backward(() => {}), async (places) => {
    let seen: number[] = [];
    backward(({ data }) => {
      seen = places.map((place) => Number(data[place]));
    });
    return seen;
  });
}

function contestant(
  backend: string,
  tensors: readonly Tensor[],
  run: () => void,
  probe: (places: readonly number[]) => Promise<number[]>,
): Contestant {
  return {
    sample: (calls) => on(backend, () => timeCalls(calls, run)),
    probe: (places) => on(backend, () => probe(places)),
    close: () => {
      for (const each of tensors) each.dispose();
    },
  };
}

function inputsOf(work: Work, numbers: Numbers, learns: boolean): Tensor[] {
  return Object.entries(work.inputs).map(([name, shape]) =>
    tensor(numbers(name), [...shape], { requiresGrad: learns && !states.includes(name) }));
}

function on<T>(backend: string, make: () => T): T {
  const before = useBackend(backend);
  try {
    return make();
  } finally {
    useBackend(before);
  }
}

function drop(result: Tensor | AddNorm): void {
  if (result instanceof Tensor) {
    result.dispose();
  } else {
    result.sum.dispose();
    result.y.dispose();
  }
}
