// A layer or pattern as the page writes it: PyTorch's text, or a pattern with its sizes. May import evenkeel.

import { explain, KeelError, layerFrom, norm, NormLayer, type ExplainData, type Explanation, type LocalResponseNorm, type Tensor } from 'evenkeel';

/** `nn.GroupNorm(3, 6)`, or `b (g [c]) [s...], (g c)` and `g=3`. */
export interface SubjectText {
  readonly text: string;
  /** Sizes of factors, as `g=3, h=2`. */
  readonly sizes: string;
  /** What a pattern shares; means without. */
  readonly statistics?: ExplainData['statistics'];
}

export interface Subject {
  readonly layer: NormLayer | null;
  readonly pattern: string | null;
  readonly sizes: Readonly<Record<string, number>>;
  explain(shape: readonly number[]): Explanation;
  forward(x: Tensor): Tensor;
}

/** Reads it: what has a call's parentheses behind a name is a layer. */
export function subjectOf({ text, sizes, statistics = 'moments' }: SubjectText): Subject {
  if (/^[\w.\s]*\w\s*\(/.test(text) && !/^\s*[a-z]\w*\s+\(/.test(text)) {
    const layer = layerFrom(text);
    if (!(layer instanceof NormLayer)) throw noSets(layer);
    return { layer, pattern: null, sizes: {}, explain: (shape) => explain(layer, shape), forward: (x) => layer.forward(x) };
  }
  const factors = sizesOf(sizes);
  return {
    layer: null,
    pattern: text,
    sizes: factors,
    explain: (shape) => explain(text, shape, { ...factors, statistics }),
    forward: (x) => norm(x, text, { ...factors, statistics }),
  };
}

function noSets(layer: LocalResponseNorm): KeelError {
  return new KeelError('argument', `${String(layer)} shares no statistic: each element is divided by its own neighbours`, {});
}

function sizesOf(text: string): Record<string, number> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  return Object.fromEntries(
    words.map((word) => {
      const [, name, size] = /^([A-Za-z_]\w*)=(\d+)$/.exec(word) ?? [];
      if (name !== undefined && size !== undefined) return [name, Number(size)];
      throw new KeelError('argument', `'${word}' is no size: write name=number, such as g=3`, { word });
    }),
  );
}
