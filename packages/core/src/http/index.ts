export { isRemote, publicName, withoutQueries } from './address.js';
export { type HttpRange, httpBytes } from './http-bytes.js';
export { HttpFailure } from './http-failure.js';
export { type HttpOptions, type RetryOptions, retryDefaults } from './http-options.js';
export { retryingFetch } from './retrying-fetch.js';
