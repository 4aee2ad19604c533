import { fileURLToPath } from 'node:url';

/** bert-base-uncased's WordPiece vocabulary, from the repository's fixtures. */
export const VOCABULARY = fileURLToPath(new URL('../../../golden/tokenizer/vocab.txt', import.meta.url));
