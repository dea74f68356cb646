// A command on a folder of stored cases or models, on one backend. May import 'evenkeel'.

import { parseArgs } from 'node:util';
import { backends, useBackend } from 'evenkeel';

/** What the command line says; null where it says nothing. */
export interface FolderArguments {
  readonly folder: string;
  /** Where to write what is computed. */
  readonly out: string | null;
  /** Values of the command's own options. */
  readonly own: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs a command on the arguments of this process, on the backend that they name. Exit code: 0 if it says that everything
 * passed, 1 if not, 2 for arguments or a folder that it cannot use.
 */
export async function folderCommand(
  usage: string,
  options: readonly string[],
  run: (args: FolderArguments) => Promise<boolean>,
): Promise<void> {
  try {
    const text = { type: 'string' } as const;
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        out: text,
        backend: text,
        help: { type: 'boolean', short: 'h', default: false },
        ...Object.fromEntries(options.map((name) => [name, text])),
      },
    });
    if (values.help) return console.log(`${usage}\nbackends: ${backends().join(', ')}`);
    const [folder, ...surplus] = positionals;
    if (folder === undefined || surplus.length > 0) throw new Error(usage);
    if (values.backend !== undefined) useBackend(values.backend);
    const given: Readonly<Record<string, unknown>> = values;
    const own = Object.fromEntries(options.map((name) => [name, typeof given[name] === 'string' ? given[name] : undefined]));
    process.exitCode = (await run({ folder, out: values.out ?? null, own })) ? 0 : 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  }
}
