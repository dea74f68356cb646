// Options of the examples that are jobs. Imports nothing.

/** An option whose value is one of some names. */
export function oneOf<const Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw new Error(`${option} is '${value}': choose from ${names.join(', ')}`);
}

/** An option that is a whole number within limits. */
export function countOption(option: string, value: string, { from, to = Infinity }: { readonly from: number; readonly to?: number }): number {
  const count = Number(value);
  if (value.trim() !== '' && Number.isSafeInteger(count) && count >= from && count <= to) return count;
  throw new Error(`${option} is '${value}': give a whole number from ${from}${to === Infinity ? '' : ` to ${to}`}`);
}
