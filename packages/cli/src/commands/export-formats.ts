import type { RunFlags } from './flags.js';

/** What a model can be written as. */
export const EXPORT_FORMATS = ['onnx', 'browser', 'hf'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What `export` was asked for, beside the format. */
export interface ExportFlags extends RunFlags {
  readonly out: string;
  readonly force: boolean;
  readonly json: boolean;
  /** Of `browser`. */
  readonly index?: string;
  readonly int8: boolean;
  readonly vectors: 'float32' | 'int8';
  readonly view: number;
  /** Of `hf`. */
  readonly license: string;
}

/** Flags that belong to one format, with what they are where nothing is said. */
export const FLAGS_OF: Readonly<Partial<Record<ExportFormat, Readonly<Record<string, unknown>>>>> = {
  browser: { index: undefined, int8: false, vectors: 'float32', view: 1024 },
  hf: { license: 'other' },
};
