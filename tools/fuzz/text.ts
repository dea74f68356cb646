// Targets whose inputs are a text of PyTorch: a layer, an error. May import node: and evenkeel.

import { readFileSync } from 'node:fs';
import { explainError, layerFrom } from 'evenkeel';
import { mutateText } from './bytes.js';
import type { Dice } from './dice.js';
import { dismantle } from './shapes.js';
import { checkPlain, claim, type Target, unlessRefused } from './target.js';

/** What PyTorch says, as test/torchtext keeps it: every string of it. */
const said = stringsOf(JSON.parse(readFileSync('test/torchtext/expected.json', 'utf8')));
const layerTexts = said.filter((text) => /^[\w.() :=]*Norm\w*\(/.test(text));
const errorTexts = said.filter((text) => text.includes(' ') && !layerTexts.includes(text));

const textOf = (input: Uint8Array): string => new TextDecoder('utf-8', { ignoreBOM: true }).decode(input);
const inputOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export const layerText: Target = {
  name: 'layer-text',
  make: (dice) => inputOf(dice.chance(0.5) ? mutateText(dice.pick(layerTexts), dice, layerWords) : layerOf(dice)),
  check: async (input) => {
    const layer = await unlessRefused(() => layerFrom(textOf(input)));
    if (layer === null) return;
    // Lazy layers print their zero, and are read from it again. What is infinite is printed as no literal of Python is.
    const text = String(layer);
    if (/=-?inf\b/.test(text)) return dismantle(layer);
    const again = await unlessRefused(() => layerFrom(text));
    claim(String(again) === text, () => `${text} is read as ${String(again)}`);
    for (const each of [layer, again]) if (each !== null) dismantle(each);
  },
  // Weights of the layer that the text asks for: 2²⁴ parameters are allowed.
  most: () => 2 ** 28,
};

export const errorText: Target = {
  name: 'error-text',
  make: (dice) => {
    const text = dice.chance(0.2) ? `${dice.pick(errorTexts)}\n${dice.pick(errorTexts)}` : dice.pick(errorTexts);
    return inputOf(dice.chance(0.9) ? mutateText(text, dice, errorWords) : text.repeat(dice.small(300)));
  },
  check: async (input) => {
    const found = await unlessRefused(() => explainError(textOf(input)));
    // Digits beyond all numbers are infinity.
    if (found === null || /\d{300}/.test(textOf(input))) return;
    claim(!/undefined|NaN|\[object/.test(found.text) || /undefined|NaN|\[object/.test(textOf(input)), () => `it says: ${found.text}`);
    checkPlain(found);
    for (const { evenkeel } of found.fixes) claim(evenkeel !== '', () => 'a way out is empty');
  },
  most: () => 2 ** 24,
};

const types = [...new Set(layerTexts.flatMap((text) => text.match(/\w*Norm\w*/g) ?? []))];
const layerWords = [
  '(', ')', ',', '=', '[', ']', 'None', 'True', 'False', 'eps', 'affine', 'nn.', '1e-5', '1e999', "'", '"', '#', '\\', '\n', 'torch.float32', '-', '*',
];
const errorWords = [
  'size', 'mismatch', 'torch.Size([', '])', '[', ']', 'running_mean', 'weight', 'Expected', 'expected', '\u001b[31m', 'E   ', 'RuntimeError: ', ' ', '\n',
];

/** A call by the grammar of Python's arguments. */
function layerOf(dice: Dice): string {
  const value = (): string => dice.pick([
    '4', '0', '-1', '1e-5', '1e-400', 'True', 'None', '(3, 4)', '[4]', '(4,)', '()', '[[1]]', "'x'", '2**3', '4.0', '16777216', '9007199254740993',
    'torch.Size([4])', 'torch.float32', 'nan', String(dice.below(9)),
  ]);
  const names = ['eps', 'affine', 'bias', 'num_groups', 'num_channels', 'num_features', 'normalized_shape', 'momentum', 'device', 'dtype', 'size', 'alpha'];
  const words = Array.from({ length: dice.below(5) }, (_, i) => (i > 1 || dice.chance(0.2) ? `${dice.pick(names)}=${value()}` : value()));
  return `${dice.pick(['', '', 'nn.', 'torch.nn.', '(norm1): ', 'self.norm = '])}${dice.pick(types)}(${words.join(dice.pick([', ', ',', ' , ']))})`;
}

function stringsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(stringsOf) : [];
}
