// Where images have their channels. Imports nothing, so that the page may know it too.

export const layoutNames = ['first', 'last'] as const;

export type LayoutName = (typeof layoutNames)[number];
