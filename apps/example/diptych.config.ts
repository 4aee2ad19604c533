import { defineConfig } from '@diptych/cli';
import { emojiPairs } from './src/emoji.js';

/** The main job: 3,786 emoji pictures with their names and tags, words that begin at GloVe's vectors. */
export default defineConfig({
  data: {
    name: 'emoji',
    about: 'emoji pictures of emoji-datasource-google, names of emojibase-data',
    pairs: emojiPairs,
  },
  split: 'base',
  wordVectors: 'data/word-vectors.safetensors',
});
