// What convert writes, by names and shapes: the conversions asked for, one after another. May import evenkeel and neighbours.

import { KeelError } from 'evenkeel';
import type { OpenFile } from 'evenkeel/io';
import { keyConversion, weightNormConversion, type ConvertedTensor, type LayoutName, type Shaped, type WeightForm } from 'evenkeel/nn';

/** What is asked for; null where names stay. */
export interface Wish {
  readonly to: LayoutName | null;
  readonly weightNorm: WeightForm | null;
}

/** Every tensor of the new file. */
export type Plan = ReadonlyMap<string, ConvertedTensor>;

/** The tensors of OUT. */
export function planOf({ entries }: Pick<OpenFile, 'entries'>, { to, weightNorm }: Wish): Plan {
  type Step = (entries: ReadonlyMap<string, Shaped>) => Plan;
  const rename: Step[] = to === null ? [] : [(shapes) => keyConversion(shapes, to)];
  const reform: Step[] = weightNorm === null ? [] : [(shapes) => weightNormConversion(shapes, weightNorm)];
  // Names of layouts end in a parameter's own, which those of parametrizations do not.
  const steps = weightNorm === 'parametrized' ? [...rename, ...reform] : [...reform, ...rename];
  const same: Plan = new Map([...entries].map(([key, { shape }]) => [key, { shape, from: [key], make: only }]));
  return steps.reduce((plan, step) => composed(plan, step(plan)), same);
}

const only: ConvertedTensor['make'] = ([tensor]) => {
  if (tensor !== undefined) return tensor;
  throw new KeelError('argument', 'a tensor that stays is made of itself', {});
};

/** What the second makes of what the first makes. */
function composed(before: Plan, after: Plan): Plan {
  return new Map(
    [...after].map(([key, { shape, from, make }]) => {
      const parts = from.flatMap((name) => before.get(name) ?? []);
      const compose: ConvertedTensor['make'] = (tensors) => {
        let at = 0;
        return make(parts.map((part) => part.make(tensors.slice(at, (at += part.from.length)))));
      };
      return [key, { shape, from: parts.flatMap((part) => part.from), make: compose }];
    }),
  );
}
