// Public entry of 'evenkeel/nn': blocks and whole models, made of the layers of 'evenkeel'.

export { addNorm } from './blocks/addnorm.js';
export { Mlp, type MlpOptions } from './blocks/mlp.js';
export type { MakeNorm } from './blocks/normlayer.js';
