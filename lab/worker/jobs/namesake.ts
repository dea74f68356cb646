// The layers that screen 2 lays side by side, and its inputs. Imports nothing, so that the page may know them too.

/** By their keys in the address, in the order of the pictures. */
export const namesakes = ['pixel', 'layer2d', 'sample', 'group', 'instance', 'batch'] as const;

export type Namesake = (typeof namesakes)[number];

export const inputNames = ['photo', 'digits', 'randn'] as const;

export type InputName = (typeof inputNames)[number];
