import { CAPTIONS, columnPair } from '../data/open-data.js';
import { BACKENDS } from '../engine/backends.js';
import { towerName, userPath } from '../terminal/user-path.js';

/** A flag with a value, which may be left out. */
export function optional<Value>(parse: (text: string) => Value, brief: string, placeholder: string) {
  return { kind: 'parsed', parse, brief, placeholder, optional: true } as const;
}

/** A flag with one of some values, which may be left out. */
export function choice<const Values extends readonly string[]>(values: Values, brief: string) {
  return { kind: 'enum', values, brief, optional: true } as const;
}

/** A flag that is off unless it is given. */
export function toggle(brief: string) {
  return { kind: 'boolean', brief, default: false, withNegated: false } as const;
}

/** What a command is for, and ways to call it with what each does. */
export function about(brief: string, uses: Readonly<Record<string, string>>) {
  return { brief, customUsage: Object.entries(uses).map(([input, use]) => ({ input, brief: use })) };
}

/** Flags of every command that works on a finished run. */
export const runFlags = {
  config: optional(userPath, 'configuration; default: diptych.config.ts, .js or .json where the command runs', 'file'),
  runs: optional(userPath, 'where runs are kept (default runs)', 'folder'),
  run: optional(String, 'the run; default: the newest finished one', 'name'),
};

/** What these flags hold. */
export interface RunFlags {
  readonly config?: string;
  readonly runs?: string;
  readonly run?: string;
}

/** How a person's data is laid out, where it does not say so itself. */
export const layoutFlags = {
  captions: choice(CAPTIONS, 'what of a .txt beside a picture is its caption (default lines: each)'),
  columns: optional(
    columnPair,
    "a table's columns of pictures and captions (default: by their names)",
    'picture,caption',
  ),
  pictures: optional(userPath, "folder that a table's paths start from (default: where they are found)", 'folder'),
};

/** Which trained towers are taken. */
export const towerFlags = {
  image: optional(towerName, 'image tower: a folder, a hub id, or scratch', 'tower'),
  text: optional(towerName, 'text tower: a folder, a hub id, or scratch', 'tower'),
  model: optional(towerName, 'a dual encoder (CLIP, SigLIP) in place of the two', 'model'),
};

/** What computes, for commands that train nothing. */
export const backendFlag = {
  kind: 'enum',
  values: BACKENDS,
  brief: 'compute engine',
  default: 'onnxruntime',
} as const;

/** Pictures as a command's one argument. */
export const picturesArgument = {
  brief: 'a folder of pictures, with captions or without, or a table of pairs',
  parse: userPath,
  placeholder: 'data',
} as const;
