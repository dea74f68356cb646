// 元素集合的中文句子。Sentences about sets, in Chinese. Imports types only.

import type { ExplainData } from 'evenkeel';
import type { ElementSet } from '../../worker/jobs/sets.js';

/** 一个层的统计量叫什么 */
export const nouns: Readonly<Record<ExplainData['statistics'], string>> = { moments: '均值', rms: '均方根', l2: 'L2 范数' };

/** 每个 C 一个均值，在 N × L（2 × 4）上计算 */
export function summary({ shape, statisticShape, statistics, elements }: ExplainData, names: readonly string[]): string {
  const noun = nouns[statistics];
  if (elements === 1) return `每个元素各有一个${noun}，不与其他元素共用`;
  const kept: string[] = [];
  const over: string[] = [];
  const extents: number[] = [];
  shape.forEach((extent, axis) => {
    const name = names[axis] ?? `第 ${axis} 维`;
    const count = statisticShape[axis] ?? 1;
    if (count > 1) kept.push(count === extent ? name : `${name} 的组`);
    if (count === extent) return;
    over.push(count === 1 ? name : `${name} 的组内`);
    extents.push(extent / count);
  });
  const each = kept.length > 1 ? `每个 (${kept.join(', ')}) ` : `每个 ${kept.join('')} `;
  return `${kept.length === 0 ? '全部' : each}一个${noun}，在 ${over.join(' × ')}（${extents.join(' × ')}）上计算`;
}

/** x[1, 2, 0] 与另外 11 个元素共用均值：N = 1，C = 2–3，L 全部 */
export function element({ index, others, places, statistics }: ElementSet, names: readonly string[]): string {
  const x = `x[${index.join(', ')}]`;
  if (others === 0) return `${x} 不与其他元素共用${nouns[statistics]}`;
  const list = places.map((at, axis) => {
    const name = names[axis] ?? `第 ${axis} 维`;
    return at === null ? `${name} 全部` : `${name} = ${ranges(at)}`;
  });
  return `${x} 与另外 ${others} 个元素共用${nouns[statistics]}：${list.join('，')}`;
}

const MOST_LISTED = 6;

function ranges(at: readonly number[]): string {
  const [first = 0] = at;
  const last = at.at(-1) ?? first;
  if (at.length > 1 && last - first === at.length - 1) return `${first}–${last}`;
  return at.length > MOST_LISTED ? `${at.slice(0, 3).join('、')}……${last}` : at.join('、');
}
