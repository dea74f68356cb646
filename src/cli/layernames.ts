// The layers as the command line names them, and their spellings. May import evenkeel.

import { KeelError } from 'evenkeel';
import { didYouMean } from './suggest.js';

export const layerNames = [
  'layer-norm', 'layer-norm-2d', 'rms-norm', 'group-norm', 'batch-norm', 'instance-norm', 'local-response-norm',
] as const;

export type LayerName = (typeof layerNames)[number];

/** LayerNorm, layer_norm and layer-norm are one name, and so are BatchNorm2d and batch-norm; null for any other. */
export function layerNameOf(text: string): LayerName | null {
  const asked = plain(text);
  const withoutRank = /^(batchnorm|instancenorm)[123]d$/.exec(asked)?.[1] ?? asked;
  return layerNames.find((name) => plain(name) === withoutRank) ?? null;
}

/** Refuses a name that is no layer's. */
export function noLayer(text: string): KeelError {
  const message = `no layer '${text}'${didYouMean(text, layerNames)}: choose from ${layerNames.join(', ')}`;
  return new KeelError('argument', message, { layer: text });
}

function plain(name: string): string {
  return name.toLowerCase().replace(/^(torch\.)?nn\./, '').replaceAll(/[-_]/g, '');
}
