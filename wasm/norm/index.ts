// The normalization kernels. Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { generalBackwardParts, generalForwardSets, reduceParts } from './general';
export { rowsForward, rowsForwardAdd } from './rows';
