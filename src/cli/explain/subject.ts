// A layer or pattern as the command line names it, on a shape. May import evenkeel.

import { KeelError, layerFrom, type LocalResponseNorm, type NormLayer, type SizedPattern } from 'evenkeel';
import { layerNameOf, noLayer } from '../layernames.js';
import { layerOptions, taken, takenByPatterns, type LayerOption, type LayerOptions } from '../layeroptions.js';

/** What can be explained and compared. */
export type Subject =
  | { readonly kind: 'layer'; readonly of: NormLayer | LocalResponseNorm }
  | { readonly kind: 'pattern'; readonly of: SizedPattern };

/** How a text is read: a layer's name, a call or repr of PyTorch, or else a pattern. */
export function readingOf(text: string): 'name' | 'call' | 'pattern' {
  if (layerNameOf(text) !== null) return 'name';
  if (/^\s*(?:\([\w.]+\):|[\w.]+\s*=)?\s*(?:[A-Za-z_]\w*\.[\w.]*|\w*Norm\w*)\s*\(/.test(text)) return 'call';
  // Words with dashes, and single words that are no axis, are misspelled names.
  if (/^[A-Za-z][\w-]*-[\w-]+$|^[A-Za-z]{4,}\d?d?$/.test(text)) throw noLayer(text);
  return 'pattern';
}

/**
 * Reads it for a shape. Options that it does not take are for {@link checkSettings} to say.
 *
 * @throws KeelError of layerFrom for a call; [argument] for a name that is no layer's, and group-norm without groups.
 */
export function subjectOf(text: string, shape: readonly number[], settings: LayerOptions): Subject {
  switch (readingOf(text)) {
    case 'name':
      return { kind: 'layer', of: layerFrom(callOf(text, shape, settings)) };
    case 'call':
      return { kind: 'layer', of: layerFrom(text) };
    default: {
      const { eps, statistics, sizes } = settings;
      const own = Object.entries(sizes).filter(([name]) => names(text).includes(name));
      const of = { pattern: text, ...Object.fromEntries(own), ...(eps !== null && { eps }), ...(statistics !== null && { statistics }) };
      return { kind: 'pattern', of };
    }
  }
}

/**
 * Refuses options and sizes that none of the texts takes.
 *
 * @throws KeelError [argument]
 */
export function checkSettings(texts: readonly string[], settings: LayerOptions): void {
  const all = texts.flatMap(takenBy);
  const unused = layerOptions.find((option) => settings[option] !== null && !all.includes(option));
  const what = texts.map((text) => `'${text}'`).join(' and ');
  const only = all.length === 0 ? 'it says all itself' : `only ${[...new Set(all)].map((option) => `--${option}`).join(' and ')}`;
  if (unused !== undefined) {
    throw new KeelError('argument', `${what} takes no --${unused}: ${only}`, { option: `--${unused}` });
  }
  const patterns = texts.filter((text) => readingOf(text) === 'pattern');
  const size = Object.keys(settings.sizes).find((name) => !patterns.some((text) => names(text).includes(name)));
  if (size === undefined) return;
  const message = patterns.length === 0
    ? `${what} takes no ${size}=${settings.sizes[size]}: sizes belong to the factors of a pattern`
    : `no axis of ${patterns.map((text) => `'${text}'`).join(' or ')} has the name ${size}`;
  throw new KeelError('argument', message, { name: size });
}

function takenBy(text: string): readonly LayerOption[] {
  const name = layerNameOf(text);
  if (name !== null) return taken[name];
  return readingOf(text) === 'pattern' ? takenByPatterns : [];
}

function names(pattern: string): readonly string[] {
  return pattern.match(/[A-Za-z_]\w*/g) ?? [];
}

/** How PyTorch writes the layer of this name for the channels of the shape. */
function callOf(text: string, shape: readonly number[], settings: LayerOptions): string {
  const { groups, size, eps } = settings;
  const name = layerNameOf(text);
  const channels = shape[1] ?? 0;
  const normalized = settings['normalized-shape'] ?? shape.slice(-1);
  const more = eps === null ? '' : `, eps=${eps}`;
  const rank = Number(/[123](?=d$)/i.exec(text)?.[0] ?? Math.min(3, Math.max(1, shape.length - 2)));
  switch (name) {
    case 'layer-norm':
      return `nn.LayerNorm([${normalized.join(', ')}]${more})`;
    case 'layer-norm-2d':
      return `LayerNorm2d(${channels}${more})`;
    case 'rms-norm':
      return `nn.RMSNorm([${normalized.join(', ')}]${more})`;
    case 'group-norm':
      if (groups !== null) return `nn.GroupNorm(${groups}, ${channels}${more})`;
      throw new KeelError('argument', `group-norm needs a number of groups that divides ${channels} channels: --groups G`, { channels });
    case 'batch-norm':
      return `nn.BatchNorm${rank}d(${channels}${more})`;
    case 'instance-norm': {
      // Without a batch the channels come first.
      const features = shape.length === rank + 1 ? (shape[0] ?? 0) : channels;
      return `nn.InstanceNorm${rank}d(${features}${more})`;
    }
    case 'local-response-norm':
      return `nn.LocalResponseNorm(${size ?? 5})`;
    case null:
      throw noLayer(text);
    default:
      return name satisfies never;
  }
}
