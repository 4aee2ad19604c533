import { buildChoiceParser, buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { EXPORT_FORMATS, type ExportFlags, type ExportFormat } from './export-formats.js';
import { about, runFlags, toggle } from './flags.js';

/** Flags of `export`. */
export const exportCommand = buildCommand<ExportFlags, [format: ExportFormat]>({
  loader: async () => (await import('./export-run.js')).exportRun,
  parameters: {
    positional: {
      kind: 'tuple',
      parameters: [
        {
          brief: `for what: ${EXPORT_FORMATS.join(', ')}`,
          parse: buildChoiceParser(EXPORT_FORMATS),
          placeholder: 'format',
        },
      ],
    },
    flags: {
      ...runFlags,
      out: {
        kind: 'parsed',
        parse: userPath,
        brief: 'folder for the files',
        placeholder: 'folder',
        default: 'exported',
      },
      force: toggle('write also into a folder that holds something, over files of the same names'),
      json: toggle('print what was written as JSON'),
    },
  },
  docs: about('Write the model of a finished run for other runtimes, and compare it with the original', {
    onnx: 'image.onnx, text.onnx, … of the newest finished run, for any ONNX runtime',
    'onnx --run 001 --out model-onnx --json': 'of a certain run',
  }),
});
