// What screen 6 can be set to. Imports nothing, so that the page may know it too.

/** Positions of padding beyond the longest sentence. */
export const mostMore = 40;
