// Screen 2 in Chinese. Imports types only.

import type { ExplainData } from 'evenkeel';
import type { Judged } from '../../worker/jobs/names.js';
import type { names as english } from '../en/names.js';

export const names: typeof english = {
  lead: '六种层，同一个输入；γ = 1、β = 0，eps 都是 1e-5。差别只在于哪些元素共用一个均值。',
  input: '输入',
  inputs: { photo: '三张照片', digits: '六个手写数字', randn: 'randn（与 PyTorch 相同）' },
  shape: '形状 N × C × H × W',
  badShape: (text: string) => `“${text}”不是形状：请写四个大小 N × C × H × W，例如 2x3x8x8`,
  element: '元素 n, c, h, w',
  badElement: (text: string, last: string) => `“${text}”不是元素的下标：请写四个数，从 0, 0, 0, 0 到 ${last}`,
  hint: '用鼠标指向一个像素：与它共用均值的元素保留，其余变淡。按下即固定；彩色图中指的是通道 0（红）。',
  lifted: (index: string) => `x[${index}] 以及与它共用均值的元素保留，其余变淡。若只有一个通道共用，就只剩那个通道的颜色。`,
  notes: {
    pixel: '输入为 N H W C', layer2d: '', sample: '', group: '', instance: '', batch: '训练模式',
  },
  setNames: {
    pixel: '一个集合 = 一个像素的所有通道',
    layer2d: '一个集合 = 一个像素的所有通道',
    sample: '一个集合 = 一个样本',
    group: '一个集合 = 一个样本',
    instance: '一个集合 = 一个样本的一个通道',
    batch: '一个集合 = 整个批次的一个通道',
  },
  setAndValues: (set: string, low: string, high: string) => `${set}；取值从 ${low} 到 ${high}`,
  allZero: '全是零：只有一个元素的集合，均值就是它自己。',
  picture: (name: string, count: number, elements: number, low: string, high: string) => `${name} 的输出：${count} 个均值，每个由 ${elements} 个元素求得，取值从 ${low} 到 ${high}`,
  pictureOfInput: (shape: string) => `输入，${shape}`,
  inputRange: (low: number, high: number) => `黑色为 ${low < 0 ? `−${-low}` : low}，白色为 ${high}`,
  mapping: (range: number) => `所有输出用同一映射：黑色表示不大于 −${range}，白色表示不小于 ${range}；三通道时红、绿、蓝各自如此。`,
  apart: '它们相差多少',
  matrixCaption: '两个输出之间，任一元素的最大差',
  matrixKeys: '选择一对；方向键可在各对之间移动。',
  pair: (a: string, b: string, difference: string) => `${a} 与 ${b}：最大差 ${difference}`,
  beside: '与',
  equal: '没有任何元素不同。',
  differenceAt: (difference: string, index: string, first: string, second: string) => `最大差 ${difference}，位于 [${index}]：${first} 与 ${second}。`,
  same: '相同。',
  different: '不同。',
  reason,
  parametersAre: (kind: string) => `参数：${kind}。`,
  parameterKinds: {
    none: '没有参数需要迁移', same: '可直接使用', expand: '需逐个重复', reshape: '只需改变形状或顺序', impossible: '一般无法迁移',
  },
  patternNote: (channels: number) => `在 N × H × W × C 上的 LayerNorm(${channels})，就是在 N × C × H × W 上的模式 n [c] h w, c。`,
  worked: '“LayerNorm 就是 InstanceNorm”',
  workedLead: '在 2 × 3 × 4 上，两者都对最后四个数求平均。每行是一个集合。',
  workedTables: {
    x: 'randn(2, 3, 4)', layerNorm: '作用于 x', instanceNorm: '作用于 x.reshape(2, 3, 4, 1)',
  },
  largest: '最大差：',
  notInGeneral: '一般并不成立',
  anAxisMore: '再多一维时，LayerNorm 仍只取最后一维，InstanceNorm 则取通道之后的所有维。',
  withParameters: '带参数时：LayerNorm 沿最后一维每个位置一个参数，InstanceNorm 每个通道一个。',
  takeaway: 'LayerNorm 至少是两种层：按像素或词元归一化时是 LayerNorm2d，按样本归一化时是 GroupNorm(1)；先问有多少个均值。',
};

/** 由数字说明两层是否相同 */
function reason({ same, sides: [a, b], differences }: Judged): string {
  if (!same) return a.count === b.count ? `两者都有 ${means(a)}，但集合不同` : `${a.name} 有 ${means(a)}；${b.name} 有 ${means(b)}`;
  const on = ({ name, shape }: ExplainData) => (a.shape.join() === b.shape.join() ? name : `${name}（输入 ${shape.join(' × ')}）`);
  const but = differences.some((difference) => difference.in === 'parameters') ? '（参数除外）' : '';
  return `${on(a)} 就是 ${on(b)}${but}：同样的 ${a.count} 个集合，每个 ${a.elements} 个元素`;
}

function means({ count, elements }: ExplainData): string {
  return `${count} 个均值，每个由 ${elements} 个元素求得`;
}
