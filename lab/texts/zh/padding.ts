// Screen 6 in Chinese. Imports the type of the texts.

import type { padding as en } from '../en/padding.js';

export const padding: typeof en = {
  lead: '句子长短不一，批次中不足的部分用填充补齐。每个词是八个数，即八个通道。BatchNorm 把一个通道在整个批次的所有词上求平均，LayerNorm 只在一个词的各通道上求平均。',
  text: '句子（用斜杠分隔）',
  more: '额外填充的位置数',
  mask: '掩码：BatchNorm 只统计真实的词',
  channel: '通道',
  cells: '格中显示',
  cellNames: { x: 'x，词嵌入', batch: 'BatchNorm 的 y', layer: 'LayerNorm 的 y' },
  seed: '种子',
  pad: '填充',
  grid: '词：纵向为句子，横向为位置。用方向键移动。',
  row: (n: number) => `句子 ${n}`,
  place: (sentence: number, position: number) => `句子 ${sentence}，位置 ${position}`,
  wordSentence: (word: string, place: string, channel: number, others: number, pads: number, channels: number) =>
    `“${word}”（${place}），通道 ${channel}：BatchNorm 把它与另外 ${others} 个数求平均，其中${pads === 0 ? '没有填充' : ` ${pads} 个是填充`}；LayerNorm 把它与该词的另外 ${channels} 个通道求平均。`,
  padSentence: (place: string, channel: number, tokens: number) =>
    `填充（${place}），通道 ${channel}：一个零，BatchNorm 把它算作 ${tokens} 个数之一。LayerNorm 为它单独求均值，不影响任何词。`,
  padMasked: (place: string, channel: number) => `填充（${place}），通道 ${channel}：被掩码排除在 BatchNorm 的统计之外。`,
  batchTitle: 'BatchNorm：在批次和位置上求均值',
  batchText: (share: string, rest: string) => `${share} 的词是填充。这里填充为 0，所以每个均值缩小到真实词均值的 ${rest}。`,
  batchUses: { true: '该层使用真实词的统计量。', false: '该层的统计量包含填充。' },
  ofWords: '仅真实的词',
  ofAll: '含填充',
  mean: '均值',
  variance: '方差',
  layerTitle: (n: number) => `LayerNorm：句子 ${n} 中每个词一个均值`,
  layerText: (mean: string, variance: string) => `同一句子，在填充后的批次中与单独一句时相比，均值相差 ${mean}，方差相差 ${variance}。`,
  token: '词',
  inBatch: '批次中',
  alone: '单独',
  curveTitle: '增加填充时，一个词变动多少',
  curve: '与没有填充时相比，词的输出的最大变化；横轴为最长句子之外的填充位置数',
  curveText: (more: number, batch: string, masked: string, layer: string) =>
    `额外 ${more} 个位置时：BatchNorm ${batch}，带掩码的 BatchNorm ${masked}，LayerNorm ${layer}。输出的标准差为 1。`,
  legend: '图例',
  lines: { batch: 'BatchNorm', masked: '带掩码的 BatchNorm', layer: 'LayerNorm' },
  movesTitle: '什么会改变一个词，最多改变多少',
  moves: '词的输出的最大变化',
  padding: (more: number) => `填充到最长句子，再加 ${more} 个位置`,
  morePadding: (more: number) => `其中额外的 ${more} 个位置`,
  noNeighbours: (n: number) => `句子 ${n} 去掉同批的其他句子`,
  evaluation: (n: number) => `句子 ${n} 从训练到推理（每个句子各作一批训练之后）`,
  refused: '拒绝',
  refusedText: '只有一个词的句子，每个通道只有一个数：BatchNorm 拒绝单独用它训练，与 PyTorch 相同。',
  whyTitle: '为什么语言模型用 LayerNorm，而视觉保留了 BatchNorm',
  why: (share: string, padding: string, alone: string, evaluation: string, layer: string) =>
    `这个批次中 ${share} 的词是填充。词的输出标准差为 1，因填充最多变动 ${padding}，去掉其他句子变动 ${alone}，推理时变动 ${evaluation}；LayerNorm 的输出每次都变动 ${layer}。`,
  vision: (images: number, values: number, other: string) =>
    `图像大小相同。${images} 张 8×8 的数字无需填充，一个均值由 ${values} 个数求得；同批的另外 ${images - 1} 张换成别的图像时，第一张的像素最多变动 ${other}：大批次的统计量几乎不取决于同批有哪些图像。`,
  visionAlone: (alone: string) => `但批大小为一时这里也不再成立：单独一张时，像素变动 ${alone}。`,
  takeaway: 'LayerNorm 的统计量止于一个词；BatchNorm 的统计量涉及填充、同批的其他样本和过去的批次；大小相同、批次够大的图像受得了，句子受不了。',
};
