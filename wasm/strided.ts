// The kernels of sets that are no contiguous rows: segments and columns.
// Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { reduceParts as columnsReduceParts } from './norm/general';
export { columnsFinish, columnsForward, columnsPilots, columnsSums, columnsWrite } from './norm/columns';
export {
  columnsBackward, columnsGradientFinish, columnsGradientPilots, columnsGradientSums, columnsGradientWrite, columnsParameters,
} from './norm/columns-backward';
export { segmentBackward, segmentBlocks, segmentBlocksBack, segmentForward, segmentReduce } from './norm/segments';
export { segmentBackwardAlong, segmentForwardAlong } from './norm/segments-along';
