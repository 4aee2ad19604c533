import { isDiptychError } from '@diptych/core';
import { buildApplication, buildRouteMap, text_en } from '@stricli/core';
import { COMMANDS } from './commands/index.js';

const EXIT_CODES = `Exit codes: 0 done; 1 failed, with the reason on standard error; 130 interrupted, with its state saved.`;

/** The command line as a whole. */
export const app = buildApplication(
  buildRouteMap({
    routes: COMMANDS,
    docs: {
      brief: 'Train, evaluate and search joint image-text encoders',
      fullDescription: `From captioned pictures to a model that finds pictures by words.\n\n${EXIT_CODES}\nNO_COLOR is respected. diptych <command> --help has examples.`,
    },
  }),
  {
    name: 'diptych',
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { caseStyle: 'convert-camel-to-kebab', disableAnsiColor: process.env.NO_COLOR !== undefined },
    localization: {
      text: {
        ...text_en,
        // what is thrown on purpose is for people; the rest is a fault, and its place matters
        exceptionWhileRunningCommand: (error) =>
          isDiptychError(error)
            ? error.message
            : error instanceof Error
              ? (error.stack ?? error.message)
              : String(error),
      },
    },
  },
);
