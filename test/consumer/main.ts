// A project that uses the package with no options but `strict`: compiled, not run.
import { LayerNorm, tensor, type Tensor } from 'evenkeel';
import { foldState } from 'evenkeel/fold';
import { inspect } from 'evenkeel/inspect';
import { load } from 'evenkeel/io';
import { ConvNeXt } from 'evenkeel/nn';

using x: Tensor = tensor([1, 2]);
export const text: string = String(new LayerNorm(2).forward(x));
export const state: Promise<ReadonlyMap<string, Tensor>> = load('model.safetensors');
export const report: Promise<string | null> = state.then((tensors) => new ConvNeXt().loadStateDict(tensors).layout);
export const flags: Promise<readonly string[]> = inspect('model.onnx').then(({ flags: found }) => found.map(({ message }) => message));
export const folded: Promise<number> = state.then((tensors) => foldState(tensors).pairs.length);
