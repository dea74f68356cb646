// The normalization kernels. Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { generalBackwardParts, generalForwardSets, reduceParts } from './general';
export { rowsForward } from './rows';
export { rowsBackward } from './rows-backward';
export { columnsFinish, columnsForward, columnsPilots, columnsSums, columnsWrite } from './columns';
export {
  columnsBackward, columnsGradientFinish, columnsGradientPilots, columnsGradientSums, columnsGradientWrite, columnsParameters,
} from './columns-backward';
export { longBackwardSettle, longBackwardSweep, longBackwardWrite, longSettle, longSweep, longWrite } from './rows-long';
export { segmentBackward, segmentBlocks, segmentBlocksBack, segmentForward, segmentReduce } from './segments';
export { segmentBackwardAlong, segmentForwardAlong } from './segments-along';
