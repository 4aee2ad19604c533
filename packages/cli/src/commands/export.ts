import { buildChoiceParser, buildCommand } from '@stricli/core';
import { userPath } from '../terminal/user-path.js';
import { EXPORT_FORMATS, type ExportFlags, type ExportFormat } from './export-formats.js';
import { about, optional, runFlags, toggle } from './flags.js';
import { wholeNumber } from './parse.js';

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
      index: optional(userPath, 'browser: an index of `diptych index`; default: the pictures of the run', 'folder'),
      int8: toggle('browser: the text tower with weights as int8, a quarter of the size; says what that costs'),
      vectors: {
        kind: 'enum',
        values: ['float32', 'int8'],
        brief: 'browser: how the vectors of the pictures are written',
        default: 'float32',
      },
      view: {
        kind: 'parsed',
        parse: wholeNumber,
        brief: 'browser: longest side of the pictures in the viewer; 0: thumbnails alone',
        placeholder: 'pixels',
        default: '1024',
      },
      license: {
        kind: 'parsed',
        parse: String,
        brief: "hf: the licence of your model, by the hub's word for it, such as apache-2.0, mit, cc-by-4.0",
        placeholder: 'id',
        default: 'other',
      },
      force: toggle('write also into a folder that holds something, over files of the same names'),
      json: toggle('print what was written as JSON'),
    },
  },
  docs: about(
    'Write the model of a finished run for other runtimes, as a search page of static files, or for the hub',
    {
      onnx: 'image.onnx, text.onnx, … of the newest finished run, for any ONNX runtime',
      'onnx --run 001 --out model-onnx --json': 'of a certain run',
      'browser --out site --int8': 'a page that searches the pictures of the run, for any web server',
      'browser --out site --index pictures.index': 'the pictures of an index',
      'hf --out for-the-hub --license mit': 'safetensors, config and card, as transformers loads them',
    },
  ),
});
