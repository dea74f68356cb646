// What load_state_dict complains about: keys that are missing or unexpected, shapes that differ, and what layer they are of.
// May import tensor, complaint and finding.

import { sizeOf } from '../tensor.js';
import { sizesIn } from './complaint.js';
import { codeFix, count, extent, layerFix, times, type ErrorFix, type Finding } from './finding.js';

/** Where the complaint begins; -1: there is none. */
export function stateComplaintAt(flat: string): number {
  const found = openings.map((opening) => flat.indexOf(opening)).filter((at) => at >= 0);
  return found.length === 0 ? -1 : Math.min(...found);
}

/** What the complaint says from there on. */
export function stateFinding(flat: string): Finding {
  const [, module = null] = /^Error\(s\) in loading state_dict for (\w{1,80})/.exec(flat) ?? [];
  const state: State = {
    missing: keysAfter(flat, 'Missing key(s) in state_dict: '),
    unexpected: keysAfter(flat, 'Unexpected key(s) in state_dict: '),
    buffers: keysAfter(flat, 'Unexpected running stats buffer(s) '),
    mismatches: [...flat.matchAll(MISMATCH)].map(([, key = '', checkpoint = '', model = '']) => ({
      key, checkpoint: sizesIn(checkpoint), model: sizesIn(model),
    })),
  };
  const prefix = prefixed(state);
  // Keys that are the model's but for a prefix have nothing else to say.
  const parts = prefix === null
    ? [renamed(state), withoutRunning(state), withRunning(state, module), computed(state), noTensor(flat), sized(state)]
    : [prefix, sized(state)];
  const found = parts.filter((part) => part !== null);
  const rest = found.length === 0 ? [unnamed(state)] : found;
  return {
    kind: 'state_dict',
    layer: module,
    facts: {
      missing: state.missing,
      unexpected: [...state.unexpected, ...state.buffers],
      mismatched: state.mismatches.map(({ key, checkpoint, model }) => `${key}: ${times(checkpoint)} in the checkpoint, ${times(model)} in the model`),
    },
    meaning: rest.flatMap((part) => part.meaning),
    fixes: rest.flatMap((part) => part.fixes),
    explanation: null,
  };
}

const openings = [
  'Error(s) in loading state_dict for', 'size mismatch for ', 'Missing key(s) in state_dict:', 'Unexpected key(s) in state_dict:',
  'Unexpected running stats buffer(s)',
];

const MISMATCH =
  /size mismatch for ([^\s:"]{1,300})[^:]{0,300}: copying a param with shape torch\.Size\(\[([\d, ]*)\]\) from checkpoint, the shape in current model is torch\.Size\(\[([\d, ]*)\]\)/g;

interface State {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly buffers: readonly string[];
  readonly mismatches: readonly { readonly key: string; readonly checkpoint: number[]; readonly model: number[] }[];
}

interface Part {
  readonly meaning: readonly string[];
  readonly fixes: readonly ErrorFix[];
}

/** Quoted keys, with commas or `and` between them; what this library adds in parentheses is left out. */
function keysAfter(flat: string, opening: string): string[] {
  const start = flat.indexOf(opening);
  if (start < 0) return [];
  const key = /"([^"]{1,300})"(?: \("[^"]{1,300}" in the checkpoint's layout\))?(?:, | and )?/y;
  key.lastIndex = start + opening.length;
  const keys: string[] = [];
  for (let match = key.exec(flat); match !== null; match = key.exec(flat)) keys.push(match[1] ?? '');
  return keys;
}

/** `gamma` and `beta`, as TensorFlow and old checkpoints call weight and bias. */
function renamed({ missing, unexpected }: State): Part | null {
  const own = new Set(missing);
  const names = unexpected.filter((key) => /(^|\.)(gamma|beta)$/.test(key));
  const found = names.filter((key) => own.has(key.replace(/gamma$/, 'weight').replace(/beta$/, 'bias')));
  if (found.length === 0) return null;
  return {
    meaning: [`${list(found)}: gamma and beta are other names of weight and bias; the values are the same.`],
    fixes: [
      codeFix(
        'rename them',
        "state = {re.sub(r'gamma$', 'weight', re.sub(r'beta$', 'bias', key)): value for key, value in state.items()}",
        "new Map([...state].map(([key, value]) => [key.replace(/gamma$/, 'weight').replace(/beta$/, 'bias'), value]))",
      ),
    ],
  };
}

/** Who writes a prefix that loadStateDict takes off by itself. */
const writers: Readonly<Record<string, string>> = {
  'module.': ', as DataParallel writes them',
  '_orig_mod.': ', as torch.compile writes them',
  '_forward_module.': ", as Lightning's DeepSpeed writes them",
  '_fsdp_wrapped_module.': ', as FSDP writes them',
};

/** One prefix before all keys of the checkpoint, or of the model. */
function prefixed({ missing, unexpected }: State): Part | null {
  const [first] = missing;
  if (first === undefined || unexpected.length === 0) return null;
  const longer = unexpected.find((key) => key.endsWith(`.${first}`));
  const own = new Set(missing);
  if (longer !== undefined) {
    const prefix = longer.slice(0, -first.length);
    if (!unexpected.every((key) => key.startsWith(prefix)) || unexpected.filter((key) => own.has(key.slice(prefix.length))).length < missing.length) return null;
    const wrapper = writers[prefix] ?? '';
    return {
      meaning: [`All keys of the checkpoint begin with ${prefix}${wrapper}; without it they are those of the model.`],
      fixes: [codeFix(
        'take the prefix off', `state = {key.removeprefix('${prefix}'): value for key, value in state.items()}`,
        wrapper === '' ? `new Map([...state].map(([key, value]) => [key.slice(${prefix.length}), value]))` : 'model.loadStateDict(state)',
      )],
    };
  }
  const shorter = unexpected.find((key) => first.endsWith(`.${key}`));
  if (shorter === undefined) return null;
  const prefix = first.slice(0, -shorter.length);
  if (!unexpected.every((key) => own.has(prefix + key) || isCounter(key))) return null;
  return {
    meaning: [`The model's keys begin with ${prefix}, those of the checkpoint do not: it is a checkpoint of that part.`],
    fixes: [codeFix(
      'load it into that part', `model.${prefix.slice(0, -1)}.load_state_dict(state)`,
      `new Map([...state].map(([key, value]) => ['${prefix}' + key, value]))`,
    )],
  };
}

/** Parameters of the same number of values in another shape, and layers of another width. */
function sized({ mismatches }: State): Part | null {
  if (mismatches.length === 0) return null;
  const [reshaped, resized] = [true, false].map((same) => mismatches.filter(({ checkpoint, model }) => (sizeOf(checkpoint) === sizeOf(model)) === same));
  const [bent] = reshaped ?? [];
  const other = resized?.find(({ key }) => isRunning(key)) ?? resized?.[0];
  return {
    meaning: [
      ...mismatches.slice(0, MOST_NAMED).map(({ key, checkpoint, model }) => `${key} has ${times(checkpoint)} in the checkpoint, ${times(model)} in the model.`),
      ...(mismatches.length > MOST_NAMED ? [`So have ${count(mismatches.length - MOST_NAMED, 'other key')}.`] : []),
      ...(bent === undefined ? [] : [`${bent.key} has as many values in both, in another shape: layers for images are also stored as C × 1 × 1.`]),
      ...(other === undefined ? [] : ['The layer that was saved has another width than the one of the model.']),
    ],
    fixes: [
      ...(bent === undefined ? [] : [codeFix(
        'give them the shape of the model', `state['${bent.key}'] = state['${bent.key}'].reshape(${bent.model.join(', ')})`,
        `state.set('${bent.key}', state.get('${bent.key}').reshape([${bent.model.join(', ')}]))`,
      )]),
      ...(other === undefined ? [] : widthFixes(other)),
    ],
  };
}

/** Layers as wide as the checkpoint's, as far as the key says which they are. */
function widthFixes({ key, checkpoint }: State['mismatches'][number]): ErrorFix[] {
  const width = checkpoint[0] ?? 0;
  const layer = key.replace(/\.?\w+$/, '');
  const place = layer === '' ? 'the layer' : layer;
  if (checkpoint.length === 1 && (/running_(mean|var)$/.test(key) || /(^|\.)(bn|norm|batch_?norm|downsample\.1)\d*$/i.test(layer))) {
    const text = `make ${place} as wide as the checkpoint's, if it is a BatchNorm2d`;
    return [layerFix(text, `BatchNorm2d(${width})`), codeFix('or build the model with the numbers that the checkpoint was trained with', null, null)];
  }
  if (checkpoint.length === 1 && layer === '') {
    return [layerFix("make the layer as wide as the checkpoint's", `LayerNorm(${extent(checkpoint)})`), codeFix('or as the layer of its kind that was saved', null, null)];
  }
  return [codeFix(`build the model with the numbers that the checkpoint was trained with: ${place} of ${times(checkpoint)}`, null, null)];
}

/** PyTorch does not miss it: checkpoints of old releases have none. */
const isCounter = (key: string): boolean => /(^|\.)num_batches_tracked$/.test(key);
const isRunning = (key: string): boolean => /(^|\.)(running_mean|running_var|num_batches_tracked)$/.test(key);

/** The model has running statistics, the checkpoint has none. */
function withoutRunning({ missing }: State): Part | null {
  const keys = missing.filter(isRunning);
  if (keys.length === 0) return null;
  return {
    meaning: [
      `${list(keys)}: the checkpoint has no running statistics. Its layer had track_running_stats=False, or is one without them: GroupNorm, LayerNorm or InstanceNorm.`,
    ],
    fixes: [
      codeFix('make the layer as it was saved', 'nn.BatchNorm2d(num_features, track_running_stats=False)', 'new BatchNorm2d(numFeatures, { trackRunningStats: false })'),
      codeFix('or load what there is, and let a pass over the data in training mode find them', 'model.load_state_dict(state, strict=False)', 'model.loadStateDict(state, { strict: false })'),
    ],
  };
}

/** The checkpoint has running statistics, the model has no place for them. */
function withRunning({ unexpected, buffers }: State, module: string | null): Part | null {
  const keys = [...unexpected.filter(isRunning), ...buffers];
  if (keys.length === 0) return null;
  const isInstance = buffers.length > 0 || module?.startsWith('InstanceNorm') === true;
  return {
    meaning: [
      isInstance
        ? `${list(keys)}: the checkpoint has running statistics, and InstanceNorm tracks none unless it is asked to.`
        : `${list(keys)}: the checkpoint is that of a BatchNorm, or of an InstanceNorm that tracks statistics; the model has a layer without them there.`,
    ],
    fixes: [
      isInstance
        ? codeFix('track them, if the model was trained so', 'nn.InstanceNorm2d(num_features, track_running_stats=True)', 'new InstanceNorm2d(numFeatures, { trackRunningStats: true })')
        : codeFix('make the layer as it was saved', 'nn.BatchNorm2d(num_features)', 'new BatchNorm2d(numFeatures)'),
      codeFix(
        'or leave them out, if they were never used', "state = {key: value for key, value in state.items() if not re.search(r'running_|num_batches', key)}",
        "new Map([...state].filter(([key]) => !/running_|num_batches/.test(key)))",
      ),
    ],
  };
}

/** The ways to keep a weight: by a key that only they have, the call that makes them, and evenkeel's. */
const weights = [
  { key: /parametrizations\.\w+\.original\d$/, what: 'weight norm by parametrizations', call: 'torch.nn.utils.parametrizations.weight_norm(layer)', own: 'weightNorm(layer)' },
  { key: /(^|\.)\w+_g$/, what: 'the old weight norm', call: 'torch.nn.utils.weight_norm(layer)', own: "weightNorm(layer, { keys: 'old' })" },
  { key: /parametrizations\.\w+\.0\._u$/, what: 'spectral norm by parametrizations', call: 'torch.nn.utils.parametrizations.spectral_norm(layer)', own: 'spectralNorm(layer)' },
  { key: /(^|\.)\w+_u$/, what: 'the old spectral norm', call: 'torch.nn.utils.spectral_norm(layer)', own: "spectralNorm(layer, { keys: 'old' })" },
] as const;

/** Weight norm and spectral norm, of the old kind and the parametrized one, have keys of their own. */
function computed({ missing, unexpected }: State): Part | null {
  const [wants, has] = [missing, unexpected].map((keys) => weights.find(({ key }) => keys.some((name) => key.test(name))));
  if (has === wants || (has === undefined && unexpected.length === 0)) return null;
  return {
    meaning: [`The checkpoint has the keys of ${has?.what ?? 'a plain weight'}, the model those of ${wants?.what ?? 'a plain weight'}.`],
    fixes: [has === undefined
      ? codeFix('load before the weight is normalized', `model.load_state_dict(state); ${wants?.call ?? ''}`, `model.loadStateDict(state); ${wants?.own ?? ''}`)
      : codeFix('normalize the weight as the checkpoint does, then load', has.call, has.own)],
  };
}

/** What stands under a key of the checkpoint is no tensor. */
function noTensor(flat: string): Part | null {
  const [, key, type = ''] = /While copying the parameter named "([^"]{1,300})", expected torch\.Tensor or Tensor-like object from checkpoint but received (<class '[\w.]{1,80}'>)/.exec(flat) ?? [];
  if (key === undefined) return null;
  return {
    meaning: [`${key} is no tensor in the checkpoint but a ${type}: the dict is not the state dict alone, or was saved as lists or arrays.`],
    fixes: [codeFix('make a tensor of it', `state['${key}'] = torch.as_tensor(state['${key}'])`, null)],
  };
}

/** Keys that are of no normalization that is known. */
function unnamed({ missing, unexpected }: State): Part {
  return {
    meaning: [
      ...(missing.length === 0 ? [] : [`The model has ${count(missing.length, 'key')} that the checkpoint lacks: ${list(missing)}.`]),
      ...(unexpected.length === 0 ? [] : [`The checkpoint has ${count(unexpected.length, 'key')} that the model lacks: ${list(unexpected)}.`]),
      missing.length + unexpected.length === 0
        ? 'Which keys it is about is not in this text: paste all of it.'
        : 'They are those of another model, or of another layout of it.',
    ],
    fixes: [codeFix('compare the two lists of keys', "sorted(state), sorted(model.state_dict())", '[...state.keys()], [...model.stateDict().keys()]')],
  };
}

const MOST_NAMED = 4;

function list(keys: readonly string[]): string {
  return keys.length <= MOST_NAMED ? keys.join(', ') : `${keys.slice(0, MOST_NAMED).join(', ')} and ${keys.length - MOST_NAMED} more`;
}
