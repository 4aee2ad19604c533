import { type PageFiles, readPage } from '../routes/page.js';

/** The built training page, beside the script that this is part of. */
export function pageFiles(folder: string | URL = new URL('./training/', import.meta.url)): PageFiles {
  return readPage(folder);
}
