// A model from the JSON that lies beside its checkpoint: which one it is follows from the sizes that `config` names.
// May import 'evenkeel', 'evenkeel/nn' and the JSON reader of the oracle.

import { BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm2d, type Layer, type Module, type Tensor } from 'evenkeel';
import { BasicBlock, Bottleneck, ConvNeXt, ResNet, VisionTransformer } from 'evenkeel/nn';
import { Fields, isList, type Json } from '../oracle/fields.js';
import { RmsHybrid, RowEncoder, WeightNormMlp } from './networks.js';

/** A network from images to logits; `mask` is for those that take a padding mask. */
export type Network = Module & { forward(x: Tensor, mask?: Tensor | null): Tensor };

/** How a model's JSON names its files, and what it says of them. */
export interface ModelJson {
  readonly name: string;
  readonly json: Fields;
  /** File names without extension, each with its parameters; ConvNeXt has one for each key layout. */
  readonly files: readonly string[];
}

/** The model that a JSON file describes, or null for a JSON file that describes none. */
export function modelJson(name: string, json: Json): ModelJson | null {
  if (typeof json !== 'object' || json === null || isList(json)) return null;
  const fields = new Fields(json, name);
  if (!fields.has('config') || !(fields.has('keys') || fields.has('layouts'))) return null;
  const files = fields.has('layouts') ? fields.fields('layouts').names.map((layout) => `${name}_${layout}`) : [name];
  return { name, json: fields, files };
}

/** The network with fresh parameters; dropout is off, whatever it was trained with. */
export function buildModel({ name, json }: ModelJson): Network {
  const config = json.fields('config');
  const family = families.find(({ needs }) => needs.every((field) => config.has(field)));
  if (family !== undefined) return family.build(config, new Shapes(json));
  const known = families.map(({ needs }) => needs.join(' + ')).join('; ');
  throw new Error(`${name}.json: config has ${config.names.join(', ')}; a model is known by one of: ${known}`);
}

/** Shapes that the JSON tells elsewhere than in `config`: of the parameters, and of the input. */
class Shapes {
  readonly input: readonly number[];
  readonly #parameters: ReadonlyMap<string, readonly number[]>;

  constructor(json: Fields) {
    // The first extent is the batch, a word.
    this.input = json.list('input_shape').slice(1).map(Number);
    const layouts = json.has('layouts') ? json.fields('layouts') : null;
    const keys = layouts === null ? json.list('keys') : layouts.fields('facebook').list('keys');
    this.#parameters = new Map(
      keys.map((row) => {
        const entry = new Fields(row, 'keys');
        return [entry.text('key'), entry.numbers('shape')];
      }),
    );
  }

  has(key: string): boolean {
    return this.#parameters.has(key);
  }

  extent(key: string, axis: number): number {
    const extent = this.#parameters.get(key)?.[axis];
    if (extent === undefined) throw new Error(`no parameter '${key}' with an axis ${axis} among the keys of the JSON`);
    return extent;
  }
}

interface Family {
  /** Fields of `config` that this family has and those after it have not. */
  readonly needs: readonly string[];
  build(config: Fields, shapes: Shapes): Network;
}

const families: readonly Family[] = [
  {
    needs: ['norm', 'widths', 'blocks'],
    build: (config, shapes) =>
      new ResNet(shapes.has('layer1.0.conv3.weight') ? Bottleneck : BasicBlock, config.numbers('blocks'), {
        inChannels: shapes.extent('conv1.weight', 1),
        numClasses: shapes.extent('fc.weight', 0),
        widths: config.numbers('widths'),
        stem: { kernel: shapes.extent('conv1.weight', 2), stride: 1, padding: 1, maxPool: false },
        normLayer: normLayer(config),
      }),
  },
  {
    needs: ['dims', 'depths'],
    build: (config, shapes) =>
      new ConvNeXt({
        inChannels: shapes.extent('downsample_layers.0.0.weight', 1),
        numClasses: shapes.extent('head.weight', 0),
        patch: shapes.extent('downsample_layers.0.0.weight', 2),
        depths: config.numbers('depths'),
        dims: config.numbers('dims'),
        layerScale: config.numberOrNull('layer_scale', null),
        grn: shapes.has('stages.0.0.grn.gamma'),
        eps: config.number('eps', 1e-6),
      }),
  },
  {
    needs: ['patch', 'depth'],
    build: (config, shapes) =>
      new VisionTransformer({
        imageSize: shapes.input[1] ?? 0,
        patchSize: config.number('patch'),
        inChannels: shapes.extent('patch_embed.proj.weight', 1),
        numClasses: shapes.extent('head.weight', 0),
        dim: config.number('dim'),
        depth: config.number('depth'),
        numHeads: config.number('heads'),
        mlpRatio: config.number('mlp_ratio'),
        eps: config.number('eps', 1e-6),
      }),
  },
  {
    needs: ['d_model', 'heads', 'layers', 'ff'],
    build: (config, shapes) =>
      new RowEncoder({
        tokens: shapes.extent('pos_embed', 1),
        pixels: shapes.extent('input_proj.weight', 1),
        classes: shapes.extent('head.weight', 0),
        dModel: config.number('d_model'),
        heads: config.number('heads'),
        layers: config.number('layers'),
        ff: config.number('ff'),
        dropout: 0,
        activation: config.text('activation', 'relu') === 'gelu' ? 'gelu' : 'relu',
        eps: config.number('eps', 1e-5),
        normFirst: config.flag('norm_first', false),
      }),
  },
  {
    needs: ['dim', 'heads', 'blocks', 'mlp'],
    build: (config, shapes) =>
      new RmsHybrid({
        tokens: shapes.extent('pos_embed', 1),
        pixels: shapes.extent('embed.weight', 1),
        classes: shapes.extent('head.weight', 0),
        dim: config.number('dim'),
        heads: config.number('heads'),
        blocks: config.number('blocks'),
        mlp: config.number('mlp'),
        eps: config.number('eps'),
      }),
  },
  {
    needs: ['widths', 'dim1', 'dim3'],
    build: (config, shapes) =>
      new WeightNormMlp({
        widths: config.numbers('widths'),
        classes: shapes.extent('head.weight', 0),
        dim1: config.numberOrNull('dim1'),
        dim3: config.numberOrNull('dim3'),
      }),
  },
];

/** The norm that a ResNet's `config` names, with its numbers. */
function normLayer(config: Fields): (channels: number) => Layer {
  const norm = config.text('norm');
  const eps = config.number('eps', 1e-5);
  switch (norm) {
    case 'BatchNorm2d': {
      const momentum = config.numberOrNull('momentum', 0.1);
      return (channels) => new BatchNorm2d(channels, { eps, momentum });
    }
    case 'GroupNorm': {
      const groups = config.number('groups');
      return (channels) => new GroupNorm(groups, channels, { eps });
    }
    case 'InstanceNorm2d':
      return (channels) => new InstanceNorm2d(channels, { eps, affine: true });
    case 'LayerNorm2d':
      return (channels) => new LayerNorm2d(channels, { eps });
    default:
      throw new Error(`config.norm is '${norm}': choose from BatchNorm2d, GroupNorm, InstanceNorm2d, LayerNorm2d`);
  }
}
