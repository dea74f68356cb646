// The names of what screen 4 can be set to. Imports nothing, so that the page may know them too.

/** How hand-written code goes wrong. */
export const mistakeNames = ['none', 'unbiased', 'outside', 'difference'] as const;

export type MistakeName = (typeof mistakeNames)[number];

/** dL/dy: PyTorch's randn of seed 1, 1 for the element alone, 1 for all. */
export const gradientNames = ['randn', 'one', 'ones'] as const;

export type GradientName = (typeof gradientNames)[number];
