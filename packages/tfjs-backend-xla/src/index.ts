export type { XlaPrecision } from './options.js';
