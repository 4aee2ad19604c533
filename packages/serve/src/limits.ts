import { checkOptions, checkPositive, type OptionNames } from '@diptych/core';

/** What a server takes at most. */
export interface Limits {
  /** Of a request's body; default 20 MiB. More is 413. */
  readonly bytes: number;
  /** Of all bodies that are being read or worked on; default 256 MiB. More is 429. */
  readonly bytesTogether: number;
  /** Width times height of a picture; default 50 million. More is 413. */
  readonly pixels: number;
  /** For a request to come in (408), and again to be answered (503); default 30. */
  readonly seconds: number;
  /** Requests at once; default 256. More are 429. */
  readonly requests: number;
  /** Texts or pictures that wait for the model; default 8192. More are 429. */
  readonly waiting: number;
  /** Texts or pictures that go through the model at once; default 32. */
  readonly batch: number;
  /** Searches that go through the index at once; default 64. */
  readonly searches: number;
  /** Of thumbnails kept in memory; default 64 MiB. */
  readonly thumbnailBytes: number;
}

const DEFAULTS: Limits = {
  bytes: 20 * 2 ** 20,
  bytesTogether: 256 * 2 ** 20,
  pixels: 50_000_000,
  seconds: 30,
  requests: 256,
  waiting: 8192,
  batch: 32,
  searches: 64,
  thumbnailBytes: 64 * 2 ** 20,
};

const NAMES = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, 'optional'])) as OptionNames<
  Partial<Limits>
>;

/** @throws ConfigError for unknown limits, and for what is no whole number above 0 */
export function checkLimits(limits: Partial<Limits> = {}): Limits {
  const where = 'serve: limits';
  checkOptions(where, limits, NAMES);
  const given = Object.entries(limits).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) checkPositive(where, name, value);
  return { ...DEFAULTS, ...Object.fromEntries(given) };
}
