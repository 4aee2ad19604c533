import { defineConfig } from '@diptych/cli';
import { emojiPairs } from './src/emoji.js';

/**
 * The main job: 3,786 emoji pictures with their names and tags, from first weights and words that begin at GloVe's vectors. Data that the
 * command line names train on towers that can be had.
 */
export default defineConfig(({ data }) => ({
  data: {
    name: 'emoji',
    about: 'emoji pictures of emoji-datasource-google, names of emojibase-data',
    pairs: emojiPairs,
  },
  ...(data === undefined && { image: 'scratch', text: 'scratch' }),
  wordVectors: 'data/word-vectors.safetensors',
}));
