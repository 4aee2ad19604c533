import { existsSync } from 'node:fs';
import { type PageFiles, readPage } from '../routes/page.js';

/** Beside the script that this is part of; of the sources, where the package's build puts it. */
const PLACES = [new URL('./training/', import.meta.url), new URL('../../dist/training/', import.meta.url)];

/** The built training page. */
export function pageFiles(folder: string | URL = PLACES.find((place) => existsSync(place)) ?? PLACES[0]!): PageFiles {
  return readPage(folder);
}
