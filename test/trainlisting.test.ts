// The programs that screen 8 of the lab gives away: evenkeel's is run as it stands, and prints PyTorch's losses.
import * as evenkeel from 'evenkeel';
import * as io from 'evenkeel/io';
import * as nn from 'evenkeel/nn';
import { transform } from 'esbuild';
import { expect, test } from 'vitest';
import { evenkeelListing, pytorchListing } from '../lab/screens/trainlisting.js';
import type { TrainSettings } from '../lab/worker/jobs/trainnames.js';
import expected from './browser/lab/train.json' with { type: 'json' };

const modules: Readonly<Record<string, object>> = { evenkeel, 'evenkeel/io': io, 'evenkeel/nn': nn };

/** What a program prints. */
async function printed(program: string): Promise<number[][]> {
  const { code } = await transform(program.replaceAll(/^import (\{.*\}) from '(.*)';$/gm, "const $1 = modules['$2'];"), { loader: 'ts' });
  const lines: number[][] = [];
  const body = `return (async () => { ${code} })();`;
  await new Function('modules', 'console', body)(modules, { log: (...line: number[]) => lines.push(line) });
  return lines;
}

const rows = expected.filter(({ address: { batch } }) => batch > 2);

test.each(rows)('$address.net with $address.norm', async ({ address: { net, norm, batch, epochs, seed }, losses, accuracies }) => {
  // The addresses are of the screen's own names.
  const settings = { network: net, norm, batch, epochs, seed, rate: 0.05 } as TrainSettings;
  const lines = await printed(evenkeelListing(settings));
  expect(lines.map(([epoch]) => epoch)).toEqual(losses.map((_, i) => i + 1));
  lines.forEach(([, loss = NaN, accuracy = NaN], i) => {
    expect(Math.abs(loss - (losses[i] ?? NaN))).toBeLessThan(3e-4);
    expect(Math.abs(accuracy - (accuracies[i] ?? NaN))).toBeLessThan(net === 'resnet' ? 0.05 : 1e-6);
  });
});

test.each([['mlp', 'batch'], ['resnet', 'layer']] as const)('%s with %s: both programs as they are', async (network, norm) => {
  const settings: TrainSettings = { network, norm, batch: 2, epochs: 1, seed: 5, rate: 0.1 };
  await expect(`${pytorchListing(settings)}\n\n${evenkeelListing(settings)}`).toMatchFileSnapshot(`trainlistings/${network}-${norm}.txt`);
});
