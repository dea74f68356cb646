// `evenkeel convert`: from the file that is read to the one that is written. May import node:, evenkeel and neighbours.

import { resolve } from 'node:path';
import { KeelError } from 'evenkeel';
import { open, type Format, type OpenFile, type TensorPart } from 'evenkeel/io';
import { layoutOf, type ConvertedTensor } from 'evenkeel/nn';
import type { Given, Outcome } from '../command.js';
import type { convertSpec } from '../commands/convert.js';
import { targetOf, write } from '../normalize/output.js';
import { dtypeNames, showExtents } from '../normalize/report.js';
import type { Terminal } from '../terminal.js';
import { printable, table, wrap } from '../text.js';
import { formatOf, partOf } from './parts.js';
import { planOf } from './plan.js';

export async function run({ operands, options }: Given<typeof convertSpec>, terminal: Terminal): Promise<Outcome> {
  const { IN, OUT } = operands;
  const { to, floats, entry, overwrite } = options;
  checkOutput(OUT);
  const path = resolve(terminal.cwd, IN);
  const file = await open(path, entry === null ? {} : { entry });
  try {
    const input = { name: IN, path, file: described(file) };
    const target = await targetOf(OUT, input, overwrite, (given) => resolve(terminal.cwd, given));
    const plan = planOf(file, { to, weightNorm: options['weight-norm'] });
    const rows = [...plan].map(([name, tensor]) => rowOf(file, name, tensor, formatOf(storedOf(file, tensor), floats)));
    const notes = widened(rows);
    for (const note of notes) terminal.note(note);
    await write(target, watched(rows, IN, terminal), input, terminal);
    const found = to === null ? null : layoutOf(file.entries);
    const layout: Layout | null = found === null || to === null ? null : { model: found.model, from: found.layout, to };
    const tensors = rows.map(({ name, shape, dtype, from, fromDtype }) => ({ name, shape, dtype, from, fromDtype }));
    return { exit: 0, json: { input: IN, output: OUT, layout, tensors, notes }, text: textOf(IN, OUT, layout, rows, terminal) };
  } finally {
    await file.close();
  }
}

function rowOf(file: OpenFile, name: string, tensor: ConvertedTensor, format: ReturnType<typeof formatOf>) {
  const { shape, from } = tensor;
  const fromDtype = dtypeNames[storedOf(file, tensor)];
  return { name, shape, from, fromDtype, dtype: dtypeNames[format], part: partOf(file, tensor, format) };
}

interface Layout {
  readonly model: string;
  readonly from: string;
  readonly to: string;
}

type Row = ReturnType<typeof rowOf>;

/** The format of what it is made of: of several that which is as large. */
function storedOf({ entries }: OpenFile, { from, shape }: ConvertedTensor): Format {
  const own = from.map((key) => entries.get(key)).find((entry) => entry !== undefined && sizeOf(entry.shape) === sizeOf(shape));
  return own?.format ?? 'F32';
}

/** PyTorch's word on who wrote it, which transformers asks for, where the file had no place for it. */
function described(file: OpenFile): OpenFile {
  return file.kind === 'safetensors' ? file : { ...file, metadata: { format: 'pt', ...file.metadata } };
}

function checkOutput(out: string): void {
  if (out.endsWith('.safetensors')) return;
  throw new KeelError('argument', `'${out}': state dicts are written as .safetensors; end it so`, { out });
}

function widened(rows: readonly Row[]): string[] {
  const whole = rows.filter(({ dtype, fromDtype }) => dtype === 'int64' && fromDtype !== 'int64');
  if (whole.length === 0) return [];
  return [`note: ${[...new Set(whole.map(({ fromDtype }) => fromDtype))].join(', ')} is written as int64`];
}

/** Lines of tensors that have another name. */
const MOST_LINES = 12;

function textOf(input: string, output: string, layout: Layout | null, rows: readonly Row[], { columns }: Terminal): string[] {
  const renamed = rows.filter(({ name, from }) => from.length > 1 || from[0] !== name);
  const lines = renamed.slice(0, MOST_LINES).map(({ name, shape, from }) => [
    printable(from.join(', ')),
    '→',
    printable(name),
    showExtents(shape),
  ]);
  const facts = [
    ...(layout === null ? [] : [`${layout.model} from ${layout.from} to ${layout.to}`]),
    ...(renamed.length === 0 ? [] : [`${renamed.length} under other names`]),
    ...roundings(rows),
  ];
  const [tensors, same] = rows.length === 1 ? ['1 tensor', 'as it was'] : [`${rows.length} tensors`, 'as they were'];
  return [
    ...wrap(`${input}: ${[tensors, ...(facts.length === 0 ? [same] : facts)].join(', ')}`, columns, '  '),
    ...table(lines, { columns, shrink: [0, 2] }),
    ...(renamed.length > lines.length ? [`and ${renamed.length - lines.length} more`] : []),
    `${output}: written`,
  ];
}

/** `44 of float32 as bfloat16` */
function roundings(rows: readonly Row[]): string[] {
  const counts = new Map<string, number>();
  for (const { dtype, fromDtype } of rows) {
    if (dtype !== fromDtype) counts.set(`${fromDtype} as ${dtype}`, (counts.get(`${fromDtype} as ${dtype}`) ?? 0) + 1);
  }
  return [...counts].map(([change, count]) => `${count} of ${change}`);
}

/** The parts, which say how far they are. */
function watched(rows: readonly Row[], label: string, terminal: Terminal): Map<string, TensorPart> {
  const total = rows.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  let done = 0;
  const watch = ({ chunks, ...rest }: TensorPart): TensorPart => ({
    ...rest,
    chunks: async function* () {
      for await (const chunk of chunks()) {
        const { size } = chunk;
        yield chunk;
        terminal.progress(label, (done += size), total);
      }
    },
  });
  return new Map(rows.map(({ name, part }) => [name, watch(part)]));
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
