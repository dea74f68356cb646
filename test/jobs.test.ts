// The examples that are jobs: small runs of each, what they save, what they refuse, and what the study of norms shows.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchNorm2d, Module, ones, randn, tensor } from 'evenkeel';
import { load } from 'evenkeel/io';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import * as digits from '../examples/digits.js';
import * as finetune from '../examples/finetune.js';
import * as study from '../examples/norm-study.js';
import { loadDigits } from '../examples/training/data.js';
import { modelNames, normNames, recipes } from '../examples/training/networks.js';
import { curve, digitsInText } from '../examples/training/pictures.js';
import expected from './jobs/expected.json' with { type: 'json' };

const out = mkdtempSync(join(tmpdir(), 'keel-jobs-'));
const said: string[] = [];
beforeAll(() => {
  // The line of progress.
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  vi.spyOn(console, 'error').mockImplementation((text) => void said.push(String(text)));
});
afterAll(() => {
  vi.restoreAllMocks();
  rmSync(out, { recursive: true });
});

describe('digits', () => {
  test.each([['resnet', 2], ['convnext', 2], ['vit', 6]] as const)('%s learns in %i epochs, and is saved', async (model, epochs) => {
    said.length = 0;
    const file = join(out, 'new', `${model}.safetensors`);
    const text = await digits.example(['--model', model, '--epochs', String(epochs), '--batch', '32', '--out', file]);
    expect(text).toMatch(new RegExp(`^${model} with [a-z-]+, \\d+ parameters, ${epochs} epochs of 44 batches of 32\n`));
    expect(text).toMatch(/\d+ of 360 test images are named wrong:/);
    expect(text.split('\n').every((line) => line.length <= 100)).toBe(true);
    // A network that learned nothing names a tenth right.
    expect(Number(/test accuracy ([\d.]+) %/.exec(text)?.[1])).toBeGreaterThan(18);
    expect(said.join('')).toMatch(/images\/s/);
    const network = recipes[model].build(recipes[model].norm);
    expect(network.loadStateDict(await load(file)).missingKeys).toEqual([]);
  });

  test.each(modelNames.flatMap((model) => normNames.map((norm) => [model, norm] as const)))('%s with %s takes a batch of two', (model, norm) => {
    const network = recipes[model].build(norm);
    const y = network.forward(randn([2, 1, 8, 8]));
    expect(y.shape).toEqual([2, 10]);
    y.square().sum().backward();
    expect(network.parameters().every(({ grad }) => grad !== null)).toBe(true);
  });

  test.each([
    [['--model', 'vgg'], "--model is 'vgg': choose from resnet, convnext, vit"],
    [['--norm', 'layernorm'], "--norm is 'layernorm': choose from batch-norm, group-norm"],
    [['--batch', '0'], "--batch is '0': give a whole number from 1 to 1437"],
    [['--batch', '1438'], "--batch is '1438': give a whole number from 1 to 1437"],
    [['--epochs', 'many'], "--epochs is 'many': give a whole number from 1"],
    [['--size', '3'], "Unknown option '--size'"],
    [['--out', 'build/x.pth'], "--out is 'build/x.pth': end it in .safetensors"],
    [['--out', 'package.json/x.safetensors'], "--out is 'package.json/x.safetensors', and nothing can be written there"],
  ] as const)('%j is refused', async (args, message) => {
    await expect(digits.example(args)).rejects.toThrow(message);
  });
});

describe('finetune', () => {
  test.each(['convnext_torchvision.pth', 'vit.safetensors', 'resnet_gn.pth'])('%s goes on', async (name) => {
    const file = join(out, 'finetuned.safetensors');
    const text = await finetune.example(['--file', name, '--epochs', '1', '--out', file]);
    expect(text).toContain(name.startsWith('vit') ? 'VisionTransformer, keys as timm has them' : 'keys as torchvision has them');
    const [before = 0, after = 0] = [...text.matchAll(/([\d.]+) % to ([\d.]+) %/g)][0]?.slice(1).map(Number) ?? [];
    expect(before).toBeGreaterThan(93);
    expect(after).toBeGreaterThan(85);
    expect(await keysOf(file)).toEqual(await keysOf(`test/models/${name}`));
  });

  test.each([
    [['--file', 'encoder.pth'], "its name should begin with one of resnet, convnext, vit"],
    [['--file', 'vit_none.pth'], "cannot read 'test/models/vit_none.pth'"],
    [['--lr', '0'], "--lr is '0'"],
    [['--out', 'x.bin'], "--out is 'x.bin': end it in .safetensors"],
  ] as const)('%j is refused', async (args, message) => {
    await expect(finetune.example(args)).rejects.toThrow(message);
  });
});

async function keysOf(path: string): Promise<string[]> {
  return [...(await load(path)).keys()].sort();
}

function saidOf(low: number): string | undefined {
  const outcomes = [outcome('BatchNorm1d', 32, 0.9), outcome('BatchNorm1d', 2, low), outcome('BatchNorm2d', 2, 0.9)];
  return study.conclusions(outcomes)[0];
}

function outcome(norm: string, batch: number, accuracy: number): study.Outcome {
  return { network: 'mlp', norm, batch, loss: [1], accuracy: [accuracy], withBatchStatistics: [accuracy] };
}

describe('norm-study', () => {
  const stored = JSON.parse(readFileSync('test/models/norm_study.json', 'utf8')) as Record<string, { runs: study.Setting[] }>;

  test('has the settings of the stored study', () => {
    const wanted = Object.entries(stored).flatMap(([network, part]) =>
      (typeof part === 'object' ? part.runs : []).map(({ norm, batch }) => `${network} ${norm} ${batch}`),
    );
    expect(study.settings.map(({ network, norm, batch }) => `${network} ${norm} ${batch}`).sort()).toEqual([...new Set(wanted)].sort());
  });

  test.each(expected.mlp)('after seed $seed the run with $norm is PyTorch\'s own', async ({ norm, batch, seed, losses, accuracies }) => {
    const { history } = study.run({ network: 'mlp', norm, batch }, seed, await loadDigits());
    expect(losses).toHaveLength(3);
    losses.forEach((loss, epoch) => expect(Math.abs((history[epoch]?.loss ?? NaN) - loss)).toBeLessThan(2e-5));
    accuracies.forEach((accuracy, epoch) => expect(history[epoch]?.accuracy).toBeCloseTo(accuracy, 6));
  });

  test('at batch 2 BatchNorm1d collapses, and LayerNorm does not', async () => {
    const data = await loadDigits();
    const accuracy = (norm: string) => study.run({ network: 'mlp', norm, batch: 2 }, 0, data).accuracy;
    expect(accuracy('BatchNorm1d')).toBeLessThan(0.7);
    expect(accuracy('LayerNorm')).toBeGreaterThan(0.85);
  }, 60_000);

  test('the stored ranges hold for a setting at batch 32', async () => {
    const { accuracy, network } = study.run({ network: 'resnet', norm: 'InstanceNorm2d(affine)', batch: 32 }, 1, await loadDigits());
    expect(accuracy).toBeGreaterThan(0.8633);
    expect(network).toBeInstanceOf(Module);
  });

  test('what it says follows from the numbers', () => {
    expect(saidOf(0.5)).toContain('BatchNorm1d collapses: 90.0 to 50.0');
    expect(saidOf(0.9)).toContain('BatchNorm1d does not collapse: 90.0 to 90.0');
  });
});

describe('pictures', () => {
  test('a curve', () => {
    expect(curve([0, 0.5, 1, 1], { height: 3 })).toBe('1.00 │  ••\n     │ •\n0.00 │•');
    expect(curve([2, 2], { height: 2 })).toBe('2.00 │\n2.00 │••');
  });

  test('a curve of more values than columns keeps its ends', () => {
    const text = curve(Array.from({ length: 100 }, (_, i) => i), { height: 2, width: 10, format: String });
    expect(text).toBe('94.5 │     •••••\n 4.5 │•••••');
  });

  test('digits side by side', () => {
    const images = tensor([0, 0.3, 0.5, 1, 1, 0.7, 0, 0], [2, 1, 2, 2]);
    expect(digitsInText(images, ['a', 'b'])).toBe('  ░░  ██▓▓\n▒▒██\na     b');
  });
});

test('the digits: 1437 to train on and 360 to test on, from 0 to 1', async () => {
  const { train, test } = await loadDigits();
  expect([train.images.shape, train.labels.shape, test.images.shape]).toEqual([[1437, 1, 8, 8], [1437], [360, 1, 8, 8]]);
  expect([train.images.min().item(), train.images.max().item()]).toEqual([0, 1]);
  expect(new BatchNorm2d(1).forward(train.images).shape).toEqual(ones([1437, 1, 8, 8]).shape);
});
