// The models of a folder, one after another. May import 'evenkeel' and 'evenkeel/io'.

import { existsSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { load, writeSafetensors, type Elements } from 'evenkeel/io';
import { parseJson } from '../oracle/fields.js';
import { buildModel, modelJson, type ModelJson } from './build.js';
import { computeAll, inputs } from './compute.js';
import { judge, type Finding } from './judge.js';

/** Runs every checkpoint of every model; true where all are within their tolerances. */
export async function runModels(folder: string, out: string | null, print: (line: string) => void): Promise<boolean> {
  const models = await modelsIn(folder);
  if (models.length === 0) throw new Error(`${folder} holds no models: no JSON file in it has config and keys`);
  let passed = true;
  for (const model of models) {
    try {
      if (!(await runModel(model, folder, out, print))) passed = false;
    } catch (error) {
      // One that cannot be read or built does not keep the others from running.
      print(`${model.name}: ${error instanceof Error ? error.message : String(error)}  FAILED`);
      passed = false;
    }
  }
  return passed;
}

async function runModel(
  model: ModelJson,
  folder: string,
  out: string | null,
  print: (line: string) => void,
): Promise<boolean> {
  const expected = await elementsOf(join(folder, `${model.name}.expected.safetensors`));
  const files = model.files.flatMap((name) => checkpoints.map((extension) => `${name}${extension}`));
  const present = files.filter((file) => existsSync(join(folder, file)));
  if (present.length === 0) throw new Error(`there is no ${files.join(', nor ')} in ${folder}`);
  let passed = true;
  for (const file of present) {
    const { layout, results } = await runCheckpoint(model, join(folder, file), expected);
    const findings = judge(expected, results, model.json);
    const failed = findings.filter(({ problem }) => problem !== null);
    const named = layout === null ? '' : ` (${layout} layout)`;
    const shown = findings.filter(({ kind }) => !inputs.has(kind)).map(summary).join(', ');
    print(`${file}${named}: ${shown}${failed.length === 0 ? '' : '  FAILED'}`);
    for (const { name, problem } of failed) print(`  ${name}: ${problem}`);
    passed &&= failed.length === 0;
    if (out !== null) await writeResults(out, file, results);
  }
  return passed;
}

/** Loads a checkpoint strictly into a fresh model, and computes. */
export async function runCheckpoint(model: ModelJson, path: string, expected: ReadonlyMap<string, Elements>) {
  const network = buildModel(model);
  const { layout } = network.loadStateDict(await load(path));
  return { network, layout, results: await computeAll(network, expected, model.json.texts('norm_layers')) };
}

/** The models that JSON files of a folder describe, by name. */
export async function modelsIn(folder: string): Promise<ModelJson[]> {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new Error(`there is no folder ${folder}: npm run model -- test/models runs the models that are here`);
  }
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  const models = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(folder, file), 'utf8');
      try {
        return modelJson(basename(file, '.json'), parseJson(text));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`${join(folder, file)} is not JSON: ${why}`, { cause: error });
      }
    }),
  );
  return models.flatMap((model) => (model === null ? [] : [model]));
}

/** The tensors of a file, off the backend they were read into. */
export async function elementsOf(path: string): Promise<Map<string, Elements>> {
  const elements = new Map<string, Elements>();
  for (const [name, tensor] of await load(path)) {
    elements.set(name, { dtype: tensor.dtype, shape: tensor.shape, data: await tensor.read() });
    tensor.dispose();
  }
  return elements;
}

const checkpoints = ['.pth', '.safetensors'] as const;

/** A kind, how many tensors it has, and the largest error as a share of what is allowed. */
function summary({ kind, count, worst }: Finding): string {
  const times = count > 1 ? ` (${count})` : '';
  return `${kind}${times} ${worst < 0.01 ? '<1' : Math.round(worst * 100)} %`;
}

/** OUT/NAME.safetensors; the .safetensors checkpoint, which comes last, has the last word. */
async function writeResults(out: string, file: string, results: ReadonlyMap<string, Elements>): Promise<void> {
  await mkdir(out, { recursive: true });
  const name = file.replace(/\.\w+$/, '');
  await writeFile(join(out, `${name}.safetensors`), writeSafetensors(results));
}
