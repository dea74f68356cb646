// Targets whose inputs are one file of a model: .pth, ONNX, and what inspect and fold make of any. May import evenkeel.

import { type FoldedOnnx, foldOnnx, foldState } from 'evenkeel/fold';
import { inspect } from 'evenkeel/inspect';
import { load, openOnnx, type OnnxAttribute, type OnnxGraph, type OpenOnnx } from 'evenkeel/io';
import { deflatedMost, mutateHeader, plainMost } from './arrays.js';
import { mutateBytes } from './bytes.js';
import { corpusOf } from './corpus.js';
import type { Dice } from './dice.js';
import { mutateMessage } from './protobuf.js';
import { checkReading, isSame, release } from './reading.js';
import { checkPlain, claim, type Target, unlessRefused } from './target.js';
import { mutateZip } from './zipped.js';

const pths = corpusOf('.pth');
const onnxes = corpusOf('.onnx');
const safetensors = corpusOf('.safetensors');

const mutatePth = (dice: Dice): Uint8Array => {
  const file = dice.pick(pths);
  return dice.chance(0.3) ? mutateBytes(file, dice, pths) : mutateZip(file, dice);
};

const mutateSafetensors = (dice: Dice): Uint8Array => {
  const file = dice.pick(safetensors);
  return dice.chance(0.2) ? mutateBytes(file, dice, safetensors) : mutateHeader(file, dice);
};

const mutateOnnx = (dice: Dice): Uint8Array => {
  const file = dice.pick(onnxes);
  return dice.chance(0.2) ? mutateBytes(file, dice, onnxes) : mutateMessage(file, dice);
};

export const pth: Target = {
  name: 'pth',
  make: mutatePth,
  check: (input) => checkReading(input),
  most: deflatedMost,
};

export const onnx: Target = {
  name: 'onnx',
  make: mutateOnnx,
  check: async (input) => {
    await checkReading(input);
    const model = await unlessRefused(() => openOnnx(input), ['file']);
    if (model === null) return;
    try {
      await checkGraph(model, model.graph);
    } finally {
      await model.close();
    }
  },
  most: plainMost,
};

/** Any model's file: what is said of it is refused, or data that JSON keeps whole. */
export const inspection: Target = {
  name: 'inspect',
  make: (dice) => dice.pick([mutatePth, mutateOnnx, mutateSafetensors])(dice),
  check: async (input) => {
    const found = await unlessRefused(() => inspect(input), ['file']);
    if (found === null) return;
    checkPlain(found);
  },
  most: deflatedMost,
};

/** State dicts that miss tensors, or have them of other shapes: folded by proof, or refused; what is given is not changed. */
export const folding: Target = {
  name: 'fold',
  make: (dice) => dice.pick([mutatePth, mutateSafetensors, mutateSafetensors, mutateSafetensors])(dice),
  check: async (input) => {
    const state = await unlessRefused(() => load(input));
    const again = await unlessRefused(() => load(input));
    if (state === null || again === null) return;
    try {
      const folded = await unlessRefused(() => foldState(state));
      for (const [name, x] of state) {
        const original = again.get(name);
        claim(original !== undefined && isSame(x, original), () => `folding changed '${name}' of what it was given`);
      }
      const own = [...(folded?.state.values() ?? [])].filter((x) => ![...state.values()].includes(x));
      release(new Map(own.map((x, i) => [String(i), x])));
    } finally {
      release(state);
      release(again);
    }
  },
  most: deflatedMost,
};

/** Models of which a field is another: what is folded computes the same, which foldOnnx proves, and is a model still. */
export const foldingOnnx: Target = {
  name: 'fold-onnx',
  make: mutateOnnx,
  check: async (input) => {
    const given = input.slice();
    const folded = await unlessRefused(() => foldOnnx(input));
    claim(Buffer.compare(given, input) === 0, () => 'folding changed the bytes that it was given');
    if (folded === null) return;
    const model = await openOnnx(folded.bytes);
    await checkGraph(model, model.graph);
    await model.close();
    // Layer norms stay, with ones and zeros, and fold again to the same; batch norms are gone.
    const again = batchNorms(await foldOnnx(folded.bytes));
    claim(again === 0 || again < batchNorms(folded), () => 'what is folded is folded again');
  },
  most: plainMost,
};

function batchNorms({ pairs }: FoldedOnnx): number {
  return pairs.filter(({ kind }) => kind.includes('batch-norm')).length;
}

async function checkGraph(model: OpenOnnx, first: OnnxGraph): Promise<void> {
  const graphs = [first];
  for (let graph = graphs.pop(); graph !== undefined; graph = graphs.pop()) {
    for (const tensor of graph.initializers.values()) await checkTensor(model, tensor);
    for (const { attributes } of graph.nodes) {
      for (const attribute of attributes.values()) graphs.push(...(await checkAttribute(model, attribute)));
    }
  }
}

async function checkAttribute(model: OpenOnnx, { kind, value }: OnnxAttribute): Promise<readonly OnnxGraph[]> {
  if (kind === 'graph') return [value];
  if (kind === 'graphs') return value;
  if (kind === 'tensor') await checkTensor(model, value);
  if (kind === 'tensors') for (const tensor of value) await checkTensor(model, tensor);
  return [];
}

async function checkTensor(model: OpenOnnx, tensor: Parameters<OpenOnnx['read']>[0] & object): Promise<void> {
  const x = await unlessRefused(() => model.read(tensor), ['file']);
  claim(x === null || (x.shape.join() === tensor.shape.join() && x.dtype === tensor.dtype), () => `'${tensor.name}' is not as described`);
  x?.dispose();
}
