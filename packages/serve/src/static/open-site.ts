import { ConfigError } from '@diptych/core';
import { readJsonValue, urlSource, type WeightSource } from '@diptych/weights';
import {
  ROWS_FILE,
  SCALES_FILE,
  SITE_FILE,
  SITE_FORMAT,
  SITE_VERSION,
  type Site,
  type SiteRow,
  VECTORS_FILE,
} from './site.js';
import { StaticIndex } from './static-index.js';

/** A site that was published, with its files, each checked against what `site.json` says of it. */
export interface OpenedSite {
  readonly site: Site;
  readonly source: WeightSource;
}

/**
 * @param base the address of the page's folder
 * @throws WeightsError, HubError if it cannot be fetched; ConfigError for another format
 */
export async function openSite(base: string): Promise<OpenedSite> {
  // a page that was published anew lists other files: the browser's cache may not answer for it
  const fresh: typeof fetch = (input, init) => fetch(input, { ...init, cache: 'no-cache' });
  const site = (await readJsonValue(urlSource(base, { fetch: fresh }), SITE_FILE)) as Site;
  if (site?.format !== SITE_FORMAT || site.version !== SITE_VERSION) {
    throw new ConfigError({
      where: SITE_FILE,
      expected: `format ${SITE_FORMAT}, version ${SITE_VERSION}`,
      got: `format ${site?.format}, version ${site?.version}`,
      remedy: 'publish the whole folder of one export',
    });
  }
  return { site, source: urlSource(base, { files: site.files }) };
}

/** Rows and vectors of a site. */
export async function readSiteIndex({ site, source }: OpenedSite): Promise<StaticIndex> {
  const isInt8 = site.vectors === 'int8';
  const [rows, vectors, scales] = await Promise.all([
    readJsonValue(source, ROWS_FILE) as Promise<SiteRow[]>,
    source.read(VECTORS_FILE),
    isInt8 ? source.read(SCALES_FILE) : undefined,
  ]);
  const values = isInt8 ? new Int8Array(vectors.buffer, vectors.byteOffset, vectors.length) : floats(vectors);
  return new StaticIndex(site, rows, { values, ...(scales && { scales: floats(scales) }) });
}

/** Little-endian, as every browser has numbers. */
function floats(bytes: Uint8Array): Float32Array {
  return new Float32Array(bytes.slice().buffer);
}
