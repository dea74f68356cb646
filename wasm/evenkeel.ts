// Every kernel in one binary, for pages that load it by its address.
export * from './norm/index';
export * from './dense/index';
