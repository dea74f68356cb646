// The kernels of contiguous rows, and the plain ones for every plan: what LayerNorm and RMSNorm need.
// Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { generalBackwardParts, generalForwardSets, reduceParts } from './norm/general';
export { rowsForward } from './norm/rows';
export { rowsBackward } from './norm/rows-backward';
export { longBackwardSettle, longBackwardSweep, longBackwardWrite, longSettle, longSweep, longWrite } from './norm/rows-long';
