import { isDiptychError } from '@diptych/core';
import { parseTrainOptions } from './options.js';
import { runTraining } from './run-training.js';

/** Shells expect 128 + the number of the signal; SIGINT is 2. */
const INTERRUPTED = 130;

runTraining(parseTrainOptions(process.argv.slice(2)))
  .then((outcome) => {
    process.exitCode = outcome === 'interrupted' ? INTERRUPTED : 0;
  })
  .catch((error: unknown) => {
    console.error(isDiptychError(error) ? error.message : error);
    process.exitCode = 1;
  });
