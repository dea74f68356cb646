// What a config.json says of norms: eps, groups, kinds. May import errors and io.

import { KeelError, showGiven } from '../errors.js';
import { type FileSource, fileURL, nameOf, rangesOf } from '../io/source.js';
import type { NormKind } from './inspection.js';

/** A configuration as transformers, diffusers and the like write it beside a model. */
export type ModelConfig = Readonly<Record<string, unknown>>;

/** The fields that were understood, and whose configuration it is. */
export interface NormConfig {
  /** Path of the file, or `given`. */
  readonly from: string;
  /** transformers' `model_type`, timm's `architecture`. */
  readonly modelType: string | null;
  /** Kinds of norms that a name of a field or its value speaks of, and their eps. */
  readonly eps: readonly { readonly field: string; readonly kinds: readonly NormKind[] | null; readonly value: number }[];
  readonly groups: number | null;
  /** The norm that the model is made with, where a field says so. */
  readonly norm: NormKind | null;
}

/** eps by its field, for the kinds of norms that it is of; null for all. */
const epsFields: readonly (readonly [field: string, kinds: readonly NormKind[] | null])[] = [
  ['rms_norm_eps', ['RMSNorm']],
  ['layer_norm_eps', ['LayerNorm', 'LayerNorm2d', 'RMSNorm']],
  ['layer_norm_epsilon', ['LayerNorm', 'LayerNorm2d', 'RMSNorm']],
  ['layernorm_epsilon', ['LayerNorm', 'LayerNorm2d', 'RMSNorm']],
  ['batch_norm_eps', ['BatchNorm', 'BatchNorm1d', 'BatchNorm2d', 'BatchNorm3d']],
  ['group_norm_eps', ['GroupNorm']],
  ['norm_eps', null],
  ['norm_epsilon', null],
  ['eps', null],
];

const groupFields = ['norm_num_groups', 'num_groups', 'groups'];
const normFields = ['norm', 'norm_layer', 'norm_type'];

const normNames: readonly (readonly [name: RegExp, kind: NormKind])[] = [
  [/^batch_?norm$/i, 'BatchNorm'],
  [/^batch_?norm(\dd)$/i, 'BatchNorm'],
  [/^group_?norm$/i, 'GroupNorm'],
  [/^layer_?norm$/i, 'LayerNorm'],
  [/^layer_?norm_?2d$/i, 'LayerNorm2d'],
  [/^rms_?norm$/i, 'RMSNorm'],
  [/^instance_?norm(\dd)?$/i, 'InstanceNorm'],
];

/** A configuration has a few kilobytes; a few have vocabularies in them. */
const MOST_BYTES = 2 ** 24;

/**
 * The configuration given, or the config.json in the folder of a file on disk; null where there is none, as for a server's
 * files, which are not looked for.
 *
 * @throws KeelError [argument] for a configuration that is no object; [file] for a config.json that is not JSON.
 */
export async function configFor(
  source: FileSource | null,
  given: ModelConfig | null | undefined,
): Promise<NormConfig | null> {
  if (given === null) return null;
  if (given !== undefined) {
    if (isRecord(given)) return read(given, 'given');
    const message = `config is what JSON.parse makes of a config.json, got ${showGiven(given)}`;
    throw new KeelError('argument', message, { config: given });
  }
  const path = source === null ? null : besideOf(source);
  const text = path === null ? null : await textOf(path);
  if (path === null || text === null) return null;
  const from = nameOf(path) ?? '';
  const parsed = parse(text, from);
  return isRecord(parsed) ? read(parsed, from) : null;
}

/** Names of files; any other is taken for a folder's. */
const fileNames = /\.(safetensors|pth?|ckpt|bin|onnx|json|np[yz])$/i;

/** Where a config.json may lie: in the folder that is given, or beside the file. */
function besideOf(source: FileSource): string | URL | null {
  if (typeof source !== 'string' && !(source instanceof URL)) return null;
  const url = fileURL(source);
  if (url !== null) {
    const folder = url.pathname.replace(/\/$/, '');
    return new URL(fileNames.test(url.pathname) ? 'config.json' : `${folder}/config.json`, url);
  }
  if (source instanceof URL || /^https?:/.test(source) || typeof process === 'undefined') return null;
  return fileNames.test(source) ? source.replace(/[^\\/]*$/, 'config.json') : `${source.replace(/[\\/]$/, '')}/config.json`;
}

async function textOf(path: string | URL): Promise<string | null> {
  try {
    const bytes = await rangesOf(path);
    try {
      return bytes.bytes > MOST_BYTES ? null : new TextDecoder().decode(await bytes.read(0, bytes.bytes));
    } finally {
      await bytes.close();
    }
  } catch {
    // It was not asked for: what cannot be read is not there.
    return null;
  }
}

function parse(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const message = `${name} beside the model is not JSON: mend it, or give { config: null } to leave it out`;
    throw new KeelError('file', message, { name, problem: 'corrupt' });
  }
}

function read(config: ModelConfig, from: string): NormConfig {
  const fields = flat(config);
  const eps = epsFields.flatMap(([field, kinds]) => {
    const value = fields.get(field);
    return isPositive(value) ? [{ field, kinds, value }] : [];
  });
  const groups = groupFields.map((field) => fields.get(field)).find((value) => isPositive(value) && Number.isInteger(value));
  const named = normFields.map((field) => fields.get(field)).find((value) => typeof value === 'string');
  const norm = typeof named === 'string' ? (normNames.find(([name]) => name.test(named))?.[1] ?? null) : null;
  const modelType = fields.get('model_type') ?? fields.get('architecture');
  return {
    from,
    modelType: typeof modelType === 'string' ? modelType : null,
    eps,
    groups: isPositive(groups) ? groups : null,
    norm,
  };
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}

/** Its own fields, and those of the objects that configurations of several parts keep theirs in, where they agree. */
function flat(config: ModelConfig): ReadonlyMap<string, unknown> {
  const fields = new Map(Object.entries(config));
  for (const part of ['text_config', 'model_args', 'config']) {
    const inner = config[part];
    if (!isRecord(inner)) continue;
    for (const [name, value] of Object.entries(inner)) if (!fields.has(name)) fields.set(name, value);
  }
  return fields;
}

function isRecord(value: unknown): value is ModelConfig {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The eps of a norm of these kinds, where its configuration has one that speaks of them. */
export function epsIn(config: NormConfig | null, candidates: readonly NormKind[]): number | null {
  const found = config?.eps.find(({ kinds }) => kinds === null || candidates.some((kind) => kinds.includes(kind)));
  return found?.value ?? null;
}
