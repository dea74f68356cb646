// All texts of the lab in English. Imports its sections, and types.

import { blocks } from './en/blocks.js';
import { channels } from './en/channels.js';
import { model } from './en/model.js';
import { names } from './en/names.js';
import { padding } from './en/padding.js';
import { running } from './en/running.js';
import { steps } from './en/steps.js';
import { train } from './en/train.js';
import type { ExplainData } from 'evenkeel';
import type { ElementSet } from '../worker/jobs/sets.js';

const nouns: Readonly<Record<ExplainData['statistics'], string>> = { moments: 'mean', rms: 'root mean square', l2: 'L2 norm' };

export const en = {
  title: 'evenkeel lab',
  question: 'Which numbers share my mean?',
  skip: 'Skip to the screen',
  menu: 'Screens',
  language: 'Language',
  theme: 'Theme',
  light: 'light',
  dark: 'dark',
  loading: 'computing …',
  restarted: 'The worker stopped and was started again. What you asked last is being asked again.',
  oneThread: 'One thread: this server does not send the headers that threads need. Large inputs are slower; the results are the same, bit for bit.',
  noWasm: 'No WebAssembly here: the reference backend computes, in plain TypeScript. It is slower; the results are as exact.',
  takeaway: 'To take away',
  copyAs: 'Copy as',
  copied: 'copied',
  notCopied: 'not copied, the browser does not allow it',
  share: 'Copy the address',
  data: 'Data',
  fold: (layer: string, shape: string) => `Who shares a mean here: ${layer} on ${shape}`,
  dataNames: {
    named: 'names w11, w12, …', counting: 'counting numbers', randn: "randn, PyTorch's", photo: 'a photo', digits: 'four digits',
    tokens: 'tokens with padding', own: 'your own',
  },
  seed: 'Seed',
  paste: 'Paste a nested list',
  openFile: 'or open a .npy file (it stays on this machine)',
  screens: {
    who: 'Who shares my mean',
    names: 'Same name, different set',
    channels: 'Where is my channel axis',
    steps: 'Step the arithmetic',
    running: 'Training and inference',
    padding: 'Sentences and padding',
    blocks: 'Blocks',
    train: 'Train it',
    model: 'Open my model',
  },
  axis: (axis: number) => `axis ${axis}`,
  /** A layer's sets, and an element's, in a sentence; `names` are the axes'. */
  summary: (data: ExplainData, _names: readonly string[]) => data.sentence,
  element: (set: ElementSet, _names: readonly string[]) => set.text,
  axisSystems: { image: 'N C H W', sequence: 'N C L', 'sequence-last': 'N L C', plain: 'axis 0, 1, 2' },
  field: {
    memory: 'The same elements in memory order',
    keys: 'Arrow keys move, Page Up and Page Down change the sheet, Home and End go to the ends',
    set: 'set',
    right: 'to the right',
    down: 'downwards',
    back: 'from sheet to sheet',
    beside: 'side by side',
    tooMany: (size: string, limit: string) => `${size} elements; up to ${limit} are drawn one by one.`,
    smaller: (shape: string) => ` Drawn is a smaller tensor of the same kind, ${shape}.`,
    empty: 'No elements, so no sets to draw.',
  },
  who: {
    lead: 'Elements of one colour are averaged together. Point at one, or move with the arrow keys.',
    layer: 'Layer or pattern',
    shape: 'Shape',
    sizes: 'Sizes of factors',
    axes: 'Axes are',
    brackets: 'Brackets',
    same: 'Same sets',
    badShape: (text: string) => `'${text}' is no shape: write sizes such as 2x3x4`,
    sideBySide: 'The worked example: two sentences of three tokens of width four, by three layers',
    means: ({ count, elements, statistics }: ExplainData) =>
      `${nouns[statistics]}${count === 1 ? '' : 's'} over ${elements} element${elements === 1 ? '' : 's'}${count === 1 ? '' : ' each'}`,
    plan: 'The plan, six integers',
    parameters: 'Parameters',
    none: 'none',
    takeaway: 'A normalization layer is a choice of which elements share a mean; the name alone does not say which.',
  },
  names,
  channels,
  steps,
  running,
  padding,
  blocks,
  train,
  model,
};

export type Texts = typeof en;
