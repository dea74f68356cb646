// A checkpoint trained by PyTorch goes on training in TypeScript, and back. `npm run example -- finetune --file vit.pth`

import { parseArgs } from 'node:util';
import { AdamW, CosineAnnealingLR, manualSeed, noDecay } from 'evenkeel';
import { load, save } from 'evenkeel/io';
import { convertKeys, layoutOf } from 'evenkeel/nn';
import { checkpointOption, countOption } from './options.js';
import { loadDigits } from './training/data.js';
import { modelNames, recipes } from './training/networks.js';
import { curve } from './training/pictures.js';
import { accuracyOf, regularization, trainNetwork } from './training/train.js';

export const usage = `npm run example -- finetune [--file FILE] [--epochs N] [--lr RATE] [--seed N] [--out FILE]
  --file    checkpoint of ${modelNames.join(', ')} in test/models, .pth or .safetensors (convnext_timm.pth)
  --epochs  passes over the training images (20)
  --lr      rate at the start, which falls to 0 on a cosine (0.002)
  --seed    of the order and the shifts (0)
  --out     checkpoint to write for PyTorch, safetensors (build/finetuned.safetensors)`;

export async function example(args: readonly string[] = []): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      file: { type: 'string', default: 'convnext_timm.pth' },
      epochs: { type: 'string', default: '20' },
      lr: { type: 'string', default: '0.002' },
      seed: { type: 'string', default: '0' },
      out: { type: 'string', default: 'build/finetuned.safetensors' },
    },
  });
  const name = values.file.slice(values.file.lastIndexOf('/') + 1);
  const model = modelNames.find((each) => name.startsWith(each));
  if (model === undefined) throw new Error(`--file is '${values.file}': its name should begin with one of ${modelNames.join(', ')}`);
  const epochs = countOption('--epochs', values.epochs, { from: 1 });
  const seed = countOption('--seed', values.seed, { from: 0 });
  const lr = Number(values.lr);
  if (!(lr > 0)) throw new Error(`--lr is '${values.lr}': give a number above 0`);
  const out = checkpointOption('--out', values.out);
  const { train, test } = await loadDigits();

  const build = () => recipes[model].build(name.includes('_gn') ? 'group-norm' : recipes[model].norm);
  const network = build();
  const path = values.file.includes('/') ? values.file : `test/models/${values.file}`;
  const checkpoint = await load(path);
  const found = layoutOf(checkpoint);
  network.loadStateDict(checkpoint);
  const before = accuracyOf(network.eval(), test);

  manualSeed(seed);
  const batch = 64;
  const optimizer = new AdamW(noDecay(network), { lr, weightDecay: 0.05 });
  const steps = epochs * Math.floor(train.labels.size / batch);
  const history = trainNetwork(network, {
    train,
    test,
    batch,
    epochs,
    optimizer,
    schedule: new CosineAnnealingLR(optimizer, { tMax: steps }),
    ...regularization,
    label: name,
  });
  // Under the names that the checkpoint came with: the PyTorch model that it is of reads it again.
  const state = network.stateDict();
  await save(out, found === null ? state : convertKeys(state, found.layout));

  // What PyTorch will read: the same network from the file.
  const again = build();
  again.loadStateDict(await load(out));
  const after = accuracyOf(again.eval(), test);
  return [
    `${path}: ${network.typeName()}, keys as ${found?.layout ?? 'nobody'} has them, test accuracy ${percent(before)}`,
    '',
    'test accuracy after each epoch',
    curve(history.map(({ accuracy }) => accuracy), { format: percent }),
    '',
    `trained on for ${epochs} epochs: ${percent(before)} to ${percent(after)}; saved as ${out}, for PyTorch:`,
    `  model.load_state_dict(safetensors.torch.load_file('${out}'))`,
  ].join('\n');
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
