export { type DataParallelOptions, type DataParallelProgram, dataParallel } from './data-parallel.js';
