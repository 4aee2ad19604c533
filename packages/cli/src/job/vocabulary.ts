import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** bert-base-uncased's WordPiece vocabulary (Apache-2.0), for models that begin from nothing. */
export const VOCABULARY = asset('bert-base-uncased-vocab.txt');

/** A file of the package's `assets`, one folder up from what is built and two from the sources. */
function asset(name: string): string {
  const [built, source] = ['../assets/', '../../assets/'].map((folder) =>
    fileURLToPath(new URL(folder + name, import.meta.url)),
  );
  return existsSync(built!) ? built! : source!;
}
