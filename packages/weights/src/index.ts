// The entry for Node: models come from folders and from the hub through the cache on disk. Browsers get
// index.browser.ts by the package's export conditions.
export { type OpenSourceOptions, openSource } from './node/open-source.js';
export * from './shared.js';
