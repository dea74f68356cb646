// The dense kernels. Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { padPlanes, probeFinite, sumParts } from './conv';
export { copyRows, copyWords, transpose } from './copy';
export { depthwise, depthwiseKernel } from './depthwise';
export { gather, listRows, scatterAdd } from './gather';
export { packLeft, product } from './gemm';
export { pointwise } from './pointwise';
export { finishSets, reduceSets } from './reduce';
export { reduceColumns } from './reduce-columns';
export { softmaxColumns, softmaxSets } from './softmax';
export { adam, sgd } from './update';
