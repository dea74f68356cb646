// Loads a peer. Plain JavaScript that stays in this folder: a package is looked for from where the importing file lies.

/** @param {string} name */
export const load = (name) => import(name);
