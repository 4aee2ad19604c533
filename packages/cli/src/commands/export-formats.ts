import type { RunFlags } from './flags.js';

/** What a model can be written as. */
export const EXPORT_FORMATS = ['onnx'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What `export` was asked for, beside the format. */
export interface ExportFlags extends RunFlags {
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
}
