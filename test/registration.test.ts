// What belongs to a module: lists that do not, and keys that differ in spelling alone.
import { LayerNorm, Linear, Module, ModuleList, ones, Parameter, Sequential, zeros, type Tensor } from 'evenkeel';
import { describe, expect, test } from 'vitest';
import { refusal } from './refusal.js';

class Plain extends Module {
  inputLayer = new Linear(2, 2);
  gain = new Parameter(ones([2]));

  forward(x: Tensor): Tensor {
    return this.inputLayer.forward(x).mul(this.gain);
  }
}

class Listed extends Plain {
  constructor(readonly layers: readonly unknown[]) {
    super();
  }
}

describe('a list as a property', () => {
  test.each([
    ['modules', () => new Listed([new LayerNorm(2)]), "'layers' is a list with a LayerNorm that is no part of Listed: make the list a ModuleList"],
    ['a parameter', () => new Listed([1, new Parameter(ones([1]))]), "'layers' is a list with a Parameter that is no part of Listed: give each a property"],
    ['modules below', () => new Sequential(new Listed([new Linear(1, 1)]) as Module & { forward(x: Tensor): Tensor }),
      "'0.layers' is a list with a Linear that is no part of Sequential"],
  ])('of %s is refused where the state is asked for', (_, make, message) => {
    const module = make();
    for (const ask of [() => module.parameters(), () => module.stateDict(), () => module.zeroGrad()]) {
      const error = refusal(ask);
      expect(error.code).toBe('argument');
      expect(error.message).toContain(message);
    }
  });

  test.each([
    ['numbers', () => new Listed([1, 2])],
    ['what the module holds too', () => {
      const module = new Listed([]);
      return Object.assign(module, { layers: [module.inputLayer, module.gain] });
    }],
    ['what a ModuleList holds too', () => {
      const list = new ModuleList([new Linear(1, 1)]);
      return Object.assign(new Listed([list[0]]), { list });
    }],
  ])('of %s is fine', (_, make) => {
    expect(make().parameters().length).toBeGreaterThanOrEqual(3);
  });
});

describe('keys that differ in spelling alone', () => {
  const own = { gain: zeros([2]), 'input_layer.weight': ones([2, 2]), 'input_layer.bias': ones([2]) };
  const spelled = (spell: (key: string) => string): Record<string, Tensor> =>
    Object.fromEntries(Object.entries(own).map(([key, value]) => [spell(key), value]));

  test.each([
    ["the module's own", (key: string) => key, null],
    ["the properties' names", (key: string) => key.replace('input_layer', 'inputLayer'), null],
    ['DataParallel\'s', (key: string) => `module.${key}`, 'module.'],
    ["DeepSpeed's", (key: string) => `_forward_module.${key}`, '_forward_module.'],
    ['torch.compile\'s, by names of properties', (key: string) => `_orig_mod.${key.replace('input_layer', 'inputLayer')}`, '_orig_mod.'],
  ] as const)('%s load', (_, spell, layout) => {
    const module = new Plain();
    expect(module.loadStateDict(spelled(spell))).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: [], layout });
    expect(module.gain.toArray()).toEqual([0, 0]);
    expect(module.inputLayer.bias?.toArray()).toEqual([1, 1]);
  });

  test('a module of that name keeps its keys', () => {
    class Wrapped extends Module {
      module = new Plain();

      forward(x: Tensor): Tensor {
        return this.module.forward(x);
      }
    }
    const report = new Wrapped().loadStateDict(spelled((key) => `module.${key}`));
    expect(report).toEqual({ missingKeys: [], unexpectedKeys: [], reshapedKeys: [], layout: null });
  });

  test('a prefix before some keys only is no wrapper', () => {
    const error = refusal(() => new Plain().loadStateDict(spelled((key) => (key === 'gain' ? key : `module.${key}`))));
    expect(error.message).toContain('Unexpected key(s) in state_dict: "module.input_layer.weight"');
  });

  test('a size mismatch names the key that the checkpoint has', () => {
    const error = refusal(() => new Plain().loadStateDict({ ...spelled((key) => `module.${key}`), 'module.gain': ones([3]) }));
    expect(error.message).toContain('size mismatch for gain ("module.gain" in the checkpoint\'s layout)');
  });
});
