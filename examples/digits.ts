// ConvNeXt, ViT or ResNet learn the handwritten digits, with any norm at any batch size.
// `npm run example -- digits --model convnext --norm group-norm --batch 16`

import { parseArgs } from 'node:util';
import { AdamW, cat, manualSeed, noDecay, OneCycleLR } from 'evenkeel';
import { save } from 'evenkeel/io';
import { checkpointOption, countOption, oneOf } from './options.js';
import { loadDigits, type Digits } from './training/data.js';
import { modelNames, normNames, recipes, type Network } from './training/networks.js';
import { curve, digitsInText } from './training/pictures.js';
import { predictions, regularization, trainNetwork } from './training/train.js';

export const usage = `npm run example -- digits [--model NAME] [--norm NAME] [--batch N] [--epochs N] [--seed N] [--out FILE]
  --model   ${modelNames.join(', ')} (convnext)
  --norm    ${normNames.join(', ')} (the model's own)
  --batch   images a step (64); the rate grows with it
  --epochs  passes over the training images (the model's own: 15 for resnet, 60 for convnext, 70 for vit)
  --seed    of the weights, the order and the shifts (0)
  --out     checkpoint to write, safetensors (build/digits-MODEL.safetensors)`;

export async function example(args: readonly string[] = []): Promise<string> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      model: { type: 'string', default: 'convnext' },
      norm: { type: 'string' },
      batch: { type: 'string', default: '64' },
      epochs: { type: 'string' },
      seed: { type: 'string', default: '0' },
      out: { type: 'string' },
    },
  });
  const model = oneOf('--model', values.model, modelNames);
  const recipe = recipes[model];
  const norm = oneOf('--norm', values.norm ?? recipe.norm, normNames);
  const { train, test } = await loadDigits();
  const batch = countOption('--batch', values.batch, { from: 1, to: train.labels.size });
  const epochs = countOption('--epochs', values.epochs ?? String(recipe.epochs), { from: 1 });
  const seed = countOption('--seed', values.seed, { from: 0 });
  const out = checkpointOption('--out', values.out ?? `build/digits-${model}.safetensors`);

  manualSeed(seed);
  const network = recipe.build(norm);
  const maxLr = (recipe.maxLr * batch) / 64;
  const optimizer = new AdamW(noDecay(network), { lr: maxLr, weightDecay: 0.05 });
  const steps = epochs * Math.floor(train.labels.size / batch);
  const history = trainNetwork(network, {
    train,
    test,
    batch,
    epochs,
    optimizer,
    schedule: new OneCycleLR(optimizer, { maxLr, totalSteps: steps, pctStart: 0.15 }),
    ...regularization,
    label: `${model}, ${norm}`,
  });
  await save(out, network.stateDict());
  const accuracies = history.map(({ accuracy }) => accuracy);
  const parameters = network.parameters().reduce((total, { size }) => total + size, 0);
  return [
    `${model} with ${norm}, ${parameters} parameters, ${epochs} epochs of ${Math.floor(train.labels.size / batch)} batches of ${batch}`,
    '',
    'test accuracy after each epoch',
    curve(accuracies, { format: percent }),
    '',
    mistakes(network.eval(), test),
    '',
    `test accuracy ${percent(accuracies.at(-1) ?? 0)}, training loss ${(history.at(-1)?.loss ?? NaN).toFixed(3)}; saved as ${out}`,
  ].join('\n');
}

/** The first few test images that the network names wrong. */
function mistakes(network: Network, { images, labels }: Digits): string {
  const named = predictions(network, images);
  const wrong = named.flatMap((digit, i) => (digit === Number(labels.data[i]) ? [] : [i]));
  if (wrong.length === 0) return 'every test image is named right';
  const shown = wrong.slice(0, 5);
  const picture = digitsInText(
    cat(shown.map((i) => images.slice(0, i, i + 1))),
    shown.map((i) => `${labels.data[i]}, not ${named[i]}`),
  );
  return `${wrong.length} of ${named.length} test images are named wrong:\n${picture}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
