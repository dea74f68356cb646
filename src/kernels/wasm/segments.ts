import * as general from './general.js';
export const fits = (_plan: object): boolean => false;
export const { forward, backward } = general;
