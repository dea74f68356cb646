// The dense kernels. Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { padPlanes, probeFinite, sumParts } from './conv';
export { depthwise, depthwiseKernel } from './depthwise';
export { packLeft, product } from './gemm';
