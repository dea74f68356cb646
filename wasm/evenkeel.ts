// Every kernel in one binary, for pages that load it by its address.
export * from './rows';
export * from './strided';
export * from './dense/index';
