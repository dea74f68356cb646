// All texts of the lab in Chinese. Imports its sections and the type of the texts.

import type { Texts } from './en.js';
import { blocks } from './zh/blocks.js';
import { channels } from './zh/channels.js';
import { model } from './zh/model.js';
import { names } from './zh/names.js';
import { padding } from './zh/padding.js';
import { running } from './zh/running.js';
import { steps } from './zh/steps.js';
import { element, nouns, summary } from './zh/sentences.js';
import { train } from './zh/train.js';

export const zh: Texts = {
  title: 'evenkeel 实验室',
  question: '哪些数共用一个均值？',
  skip: '跳到内容',
  menu: '页面',
  language: '语言',
  theme: '主题',
  light: '浅色',
  dark: '深色',
  loading: '计算中……',
  restarted: '后台线程已停止并重新启动，正在重新计算刚才的请求。',
  oneThread: '单线程：此服务器没有发送多线程所需的响应头。大的输入会慢一些，结果逐位相同。',
  noWasm: '此浏览器没有 WebAssembly：由纯 TypeScript 的参考后端计算，较慢，但同样精确。',
  takeaway: '一句话总结',
  copyAs: '复制为',
  copied: '已复制',
  notCopied: '未能复制，浏览器不允许',
  share: '复制网址',
  data: '数据',
  fold: (layer: string, shape: string) => `这里谁共用均值：${layer}，形状 ${shape}`,
  dataNames: {
    named: '名称 w11、w12……', counting: '从 0 起的整数', randn: 'randn（与 PyTorch 相同）', photo: '一张照片', digits: '四个手写数字',
    tokens: '带填充的词', own: '自己的数据',
  },
  seed: '随机种子',
  paste: '粘贴嵌套列表',
  openFile: '或打开 .npy 文件（不会离开本机）',
  screens: {
    who: '谁和我共用均值',
    names: '同名，不同集合',
    channels: '通道在哪一维',
    steps: '逐步计算',
    running: '训练与推理',
    padding: '句子与填充',
    blocks: '残差块',
    train: '动手训练',
    model: '打开我的模型',
  },
  axis: (axis) => `第 ${axis} 维`,
  summary,
  element,
  axisSystems: { image: 'N C H W', sequence: 'N C L', 'sequence-last': 'N L C', plain: '第 0、1、2 维' },
  field: {
    memory: '同样的元素，按内存顺序',
    keys: '方向键移动，Page Up 和 Page Down 换层，Home 和 End 到两端',
    set: '集合',
    right: '向右',
    down: '向下',
    back: '逐层',
    beside: '并排',
    tooMany: (size, limit) => `共 ${size} 个元素；最多逐个画出 ${limit} 个。`,
    smaller: (shape) => `这里画的是同类的较小张量：${shape}。`,
    empty: '没有元素，也就没有集合可画。',
  },
  who: {
    lead: '同色的元素一起求平均。用鼠标指向一个元素，或用方向键移动。',
    layer: '层或模式',
    shape: '形状',
    sizes: '因子的大小',
    axes: '各维名称',
    brackets: '括号记法',
    same: '集合相同的层',
    badShape: (text: string) => `“${text}”不是形状：请写成 2x3x4 这样的大小`,
    sideBySide: '示例：两个句子，各三个词，宽度为四；三种层对比',
    means: ({ count, elements, statistics }) => `个${nouns[statistics]}，${count === 1 ? '' : '每个'}由 ${elements} 个元素求得`,
    plan: '计划：六个整数',
    parameters: '参数',
    none: '无',
    takeaway: '归一化层的区别在于哪些元素共用一个均值；单看名字看不出来。',
  },
  names,
  channels,
  steps,
  running,
  padding,
  blocks,
  train,
  model,
};
