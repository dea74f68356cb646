// The norm layers of a model's file, which is read in ranges and never leaves the page. May import evenkeel.

import { KeelError } from 'evenkeel';
import { inspect, type Inspection, type ModelConfig } from 'evenkeel/inspect';
import type { Control } from '../control.js';
import { sampleFiles, type SampleName } from './samplenames.js';

export interface ModelJobs {
  readonly model: {
    readonly ask: ModelAsk;
    readonly answer: Inspection;
    readonly part: ModelPart;
  };
}

export interface ModelAsk {
  /** The reader's own, or one of the page's. */
  readonly file: File | SampleName;
  /** A config.json, which has the eps that state dicts do not store. */
  readonly config: File | null;
  /** Which tensors are read in search of NaN and infinity. */
  readonly scan: 'all' | 'norms';
}

/** Elements read, of how many. */
export interface ModelPart {
  readonly done: number;
  readonly total: number;
}

/** The page hears of it as often. */
const MILLIS = 90;

export async function model({ file, config, scan }: ModelAsk, control: Control): Promise<Inspection> {
  let last = performance.now();
  const progress = (done: number, total: number): void => {
    if (performance.now() - last < MILLIS) return;
    last = performance.now();
    control.give({ done, total } satisfies ModelPart);
  };
  return inspect(file instanceof File ? file : await sample(file), {
    config: config === null ? null : await configOf(config), scan, progress, signal: control.signal,
  });
}

const urls: Readonly<Record<SampleName, URL>> = {
  faulty: new URL('../../samples/faulty.safetensors', import.meta.url),
  resnet: new URL('../../samples/resnet.onnx', import.meta.url),
};

async function sample(name: SampleName): Promise<File> {
  const response = await fetch(urls[name]);
  if (response.ok) return new File([await response.blob()], sampleFiles[name]);
  throw new KeelError('file', `cannot read '${sampleFiles[name]}': the page's own server answers ${response.status}`, { problem: 'access' });
}

/** A configuration has a few kilobytes; a few have vocabularies in them. */
const MOST_BYTES = 2 ** 24;

async function configOf(file: File): Promise<ModelConfig> {
  const parsed = file.size > MOST_BYTES ? null : parse(await file.text());
  if (isRecord(parsed)) return parsed;
  throw new KeelError('file', `'${file.name}' is no configuration: a config.json holds one object of JSON`, { problem: 'corrupt' });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is ModelConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
