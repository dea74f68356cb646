// The names of the data that screens work on. Imports nothing, so that the page may know them too.

/** Made by shape, or with a shape of their own. */
export const dataNames = ['named', 'counting', 'randn', 'photo', 'digits', 'tokens', 'own'] as const;

export type DataName = (typeof dataNames)[number];
