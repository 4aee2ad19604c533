// The entry for browsers and other runtimes: no file system.
export { type OpenSourceOptions, openSource } from './browser-open-source.js';
export * from './shared.js';
