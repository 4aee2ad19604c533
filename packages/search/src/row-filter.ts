import { type Filter, matches, parseFilter } from './filter.js';
import type { Metadata } from './metadata.js';

/**
 * A filter as a function of a row, for rows that no store holds; free of Node, for browsers.
 *
 * @throws ConfigError for a filter that cannot be understood
 */
export function rowFilter(filter: Filter): (metadata: Metadata) => boolean {
  const node = parseFilter('search.rowFilter', filter);
  return (metadata) => matches(node, metadata);
}
