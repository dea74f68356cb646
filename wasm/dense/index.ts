// The dense kernels. Each takes (args, from, to, scratch) and does the items [from, to) of its job.
export { packLeft, product } from './gemm';
