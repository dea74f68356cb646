// The command line of `npm start`. May import 'evenkeel'.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KeelError } from 'evenkeel';
import { dataFolder } from './inputs.js';
import { layerNames, normalizeFile } from './own.js';
import { report } from './report.js';
import { loadStored } from './stored.js';

const usage = `usage: npm start                          every layer on photos, digits and a worked example, beside PyTorch
       npm start -- FILE.npy --as LAYER   normalizes an array, and says which elements shared statistics
       npm start -- FILE.npy --pattern 'b (g [c]) [s...]' g=3
       A FILE of - is standard input.

  --as LAYER                ${layerNames.slice(0, 4).join(', ')},
                            ${layerNames.slice(4).join(', ')}
                            or as PyTorch spells them
  --groups G                of group-norm
  --normalized-shape 3x4    of layer-norm and rms-norm; the last axis by default
  --size 5                  of local-response-norm
  --eps 1e-5                of all others
  --shape 1x3x224x224       sees the array in this shape
  -o, --out OUT.npy         writes the result
  --stored FOLDER           compares with start.json and start.safetensors of this folder`;

type Print = (line: string) => void;

/** Runs the command; gives the exit code: 0, 1 for a deviation, 2 for what cannot be asked, 3 for a file. */
export async function start(argv: readonly string[], print: Print, complain: Print): Promise<number> {
  try {
    return await run(argv, print);
  } catch (error) {
    if (error instanceof KeelError) {
      complain(`${error.name}: ${error.message}`);
      return error.code === 'file' ? 3 : 2;
    }
    if (!isUsageError(error)) throw error;
    complain(`${error.message}\n${usage}`);
    return 2;
  }
}

async function run(argv: readonly string[], print: Print): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      as: { type: 'string' },
      pattern: { type: 'string' },
      groups: { type: 'string' },
      size: { type: 'string' },
      'normalized-shape': { type: 'string' },
      shape: { type: 'string' },
      eps: { type: 'string' },
      out: { type: 'string', short: 'o' },
      stored: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    print(usage);
    return 0;
  }
  const [file, ...settings] = positionals;
  const { help: _, stored, ...ofFile } = values;
  if (file === undefined) {
    const [option] = Object.keys(ofFile);
    if (option !== undefined) throw new KeelError('argument', `--${option} needs a FILE\n${usage}`, { option });
    const folder = stored === undefined ? dataFolder : fromUser(stored);
    return (await report(await loadStored(folder), print)).length === 0 ? 0 : 1;
  }
  if (stored !== undefined) {
    throw new KeelError('argument', `--stored compares what npm start shows without a FILE: leave out '${file}'`, { file });
  }
  const { as = null, pattern = null, groups, size, eps, shape, out } = ofFile;
  if (as !== null && pattern !== null) {
    throw new KeelError('argument', 'give one of --as and --pattern: each says how to normalize', { as, pattern });
  }
  if (as === null && pattern === null) {
    throw new KeelError('argument', `say how to normalize '${file}': --as LAYER or --pattern PATTERN\n${usage}`);
  }
  if (out !== undefined && !/\.(npy|safetensors)$/.test(out)) {
    throw new KeelError('argument', `cannot tell the format of '${out}': end it in .npy or .safetensors`, { out });
  }
  await normalizeFile(
    {
      file: file === '-' ? file : fromUser(file),
      as,
      pattern,
      sizes: Object.fromEntries(settings.map((setting) => sizeOf(setting))),
      groups: groups === undefined ? null : numberOf('--groups', groups),
      normalizedShape: shapeOf('--normalized-shape', ofFile['normalized-shape']),
      size: size === undefined ? null : numberOf('--size', size),
      shape: shapeOf('--shape', shape),
      eps: eps === undefined ? null : numberOf('--eps', eps),
      out: out === undefined ? null : fromUser(out),
    },
    print,
  );
  return 0;
}

/** npm runs scripts in the project's folder; a path is meant from where the user is. */
function fromUser(path: string): string {
  const isNpm = process.env['npm_lifecycle_event'] === 'start';
  return resolve((isNpm ? process.env['INIT_CWD'] : undefined) ?? '', path);
}

function sizeOf(setting: string): [name: string, size: number] {
  const [name = '', size, ...more] = setting.split('=');
  if (name !== '' && size !== undefined && more.length === 0) return [name, numberOf(name, size)];
  throw new KeelError('argument', `'${setting}' is no size: write name=number, such as g=3`, { setting });
}

/** 3x4, 3,4 and [3, 4] are one shape. */
function shapeOf(option: string, text: string | undefined): number[] | null {
  const extents = text?.replace(/^\s*[[(](.*)[\])]\s*$/, '$1').split(/[x×,]/);
  return extents?.map((extent) => numberOf(option, extent)) ?? null;
}

function numberOf(option: string, text: string): number {
  const number = text.trim() === '' ? NaN : Number(text);
  if (!Number.isNaN(number)) return number;
  throw new KeelError('argument', `${option} takes numbers, got '${text}'`, { option, text });
}

/** What parseArgs throws for options that it does not know or that lack their value. */
function isUsageError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}
