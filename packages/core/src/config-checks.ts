import { ConfigError } from './errors.js';

/**
 * Checks a size of a configuration.
 *
 * @throws ConfigError unless it is a whole number above 0
 */
export function checkPositive(where: string, what: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new ConfigError({ where, expected: `${what} to be a whole number above 0`, got: String(value) });
}

/** @throws ConfigError for anything but the bytes of a file */
export function checkBytes(where: string, bytes: Uint8Array): void {
  if (bytes instanceof Uint8Array) return;
  throw new ConfigError({ where, expected: 'the bytes of a file, a Uint8Array', got: typeof bytes });
}

/**
 * Finds a named configuration.
 *
 * @throws ConfigError that lists the known names
 */
export function namedConfig<Config>(where: string, table: Readonly<Record<string, Config>>, name: string): Config {
  const config = Object.hasOwn(table, name) ? table[name] : undefined;
  if (config !== undefined) return config;
  throw new ConfigError({
    where,
    expected: `one of ${Object.keys(table).join(', ')}`,
    got: String(name),
    remedy: 'or pass a configuration object of your own',
  });
}

/** The names of an object of options, and which of them must be there. A name that the interface lacks does not compile. */
export type OptionNames<Options> = { readonly [Name in keyof Options]-?: 'required' | 'optional' };

/**
 * Checks that an object of options holds what it must and nothing else. An option that is undefined counts as left out.
 *
 * ```ts
 * const OPTIONS: OptionNames<SmallCNNOptions> = { embedDim: 'required', imageSize: 'optional' };
 * checkOptions('vision.SmallCNN', options, OPTIONS);
 * ```
 *
 * @throws ConfigError for what is no object, for unknown options, with the nearest known name of each, and for missing ones
 */
export function checkOptions<Options>(where: string, options: Options, names: OptionNames<Options>): void {
  const known = Object.keys(names);
  const listed = known.join(', ');
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError({ where, expected: `an object of options (${listed})`, got: kindOf(options) });
  }
  const given = Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]));
  const unknown = given.filter((name) => !Object.hasOwn(names, name));
  if (unknown.length > 0) {
    const hints = unknown.flatMap((name) => {
      const near = nearestName(name, known);
      return near === undefined ? [] : [unknown.length === 1 ? near : `${near} for ${name}`];
    });
    throw new ConfigError({
      where,
      expected: `the options ${listed}`,
      got: unknown.join(', '),
      remedy: hints.length > 0 ? `did you mean ${hints.join(', ')}?` : `leave ${unknown.join(', ')} out`,
    });
  }
  const missing = known.filter((name) => names[name as keyof Options] === 'required' && !given.includes(name));
  if (missing.length === 0) return;
  throw new ConfigError({
    where,
    expected: `the option${missing.length === 1 ? '' : 's'} ${missing.join(', ')}`,
    got: given.length === 0 ? 'none' : `only ${given.join(', ')}`,
    remedy: `pass { ${missing.join(', ')} }`,
  });
}

/**
 * Checks that something has the methods of the part that it stands for.
 *
 * @param remedy how such a part is made
 * @throws ConfigError that names the methods which are missing
 */
export function checkMethods(where: string, part: unknown, methods: readonly string[], remedy: string): void {
  const lacking = methods.filter((name) => typeof (part as Record<string, unknown> | null)?.[name] !== 'function');
  if (lacking.length === 0) return;
  const listed = (names: readonly string[]) => names.map((name) => `${name}()`).join(', ');
  const kind = kindOf(part);
  const got = kind === 'object' ? `one without ${listed(lacking)}` : kind;
  throw new ConfigError({ where, expected: `an object with ${listed(methods)}`, got, remedy });
}

/** What a value is, for messages: `null`, `an array`, `number`, … */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}

/**
 * Checks that values are tensors, before the first of them is used.
 *
 * @param tensors by the arguments' names; one that is undefined is missing
 * @throws ConfigError that names the first that is none
 */
export function checkTensors(where: string, tensors: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(tensors)) {
    // by its properties: core loads no tfjs, and programs may hold several copies of it
    const { shape, dtype } = (value ?? {}) as { shape?: unknown; dtype?: unknown };
    if (Array.isArray(shape) && typeof dtype === 'string') continue;
    throw new ConfigError({
      where,
      expected: `${name} to be a tensor`,
      got: kindOf(value),
      remedy: 'pass a tf.Tensor',
    });
  }
}

/**
 * Checks that a value is a list: an array, or a typed array.
 *
 * @throws ConfigError that says what came instead
 */
export function checkList(where: string, what: string, value: unknown): void {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) return;
  throw new ConfigError({ where, expected: `${what} as an array`, got: kindOf(value), remedy: 'pass an array' });
}

/**
 * Checks that a value is text.
 *
 * @throws ConfigError that says what came instead
 */
export function checkText(where: string, what: string, value: unknown): void {
  if (typeof value === 'string') return;
  throw new ConfigError({ where, expected: `${what} as text`, got: kindOf(value), remedy: 'pass a string' });
}

/**
 * Checks that a value is an object with some fields, whatever else it holds.
 *
 * @throws ConfigError that names the fields which are missing
 */
export function checkFields(where: string, what: string, value: unknown, fields: readonly string[]): void {
  const lacking = fields.filter((name) => (value as Record<string, unknown> | null | undefined)?.[name] === undefined);
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && lacking.length === 0) return;
  throw new ConfigError({
    where,
    expected: fields.length === 0 ? `${what} as an object` : `${what} with ${fields.join(', ')}`,
    got:
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? `none for ${lacking.join(', ')}`
        : kindOf(value),
    remedy: 'see its type',
  });
}

/**
 * Checks that a value can be called.
 *
 * @throws ConfigError that says what came instead
 */
export function checkFunction(where: string, what: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new ConfigError({ where, expected: `${what} as a function`, got: kindOf(value), remedy: 'pass a function' });
}

/**
 * Checks the path of a file or folder.
 *
 * @throws ConfigError for what is no text, or an empty one
 */
export function checkPath(where: string, path: unknown): void {
  if (typeof path === 'string' && path !== '') return;
  const got = path === '' ? 'an empty one' : kindOf(path);
  throw new ConfigError({ where, expected: 'a path', got, remedy: 'give it as text' });
}

/** What timm, transformers, open_clip, torch and earlier versions call the options of docs/vocabulary.md, in small letters. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  attentionDropout: ['attentionprobsdropoutprob', 'attndrop', 'attndroprate'],
  dropout: ['hiddendropoutprob', 'projdrop', 'droprate'],
  activation: ['hiddenact', 'actlayer'],
  embedDim: ['outdim', 'outputdim', 'projectiondim', 'projectionsize', 'numclasses'],
  hiddenSize: ['width', 'dim', 'dmodel'],
  inChannels: ['inchans', 'numchannels'],
  intermediateSize: ['hiddendim', 'mlpdim', 'mlpratio', 'ffndim', 'dimfeedforward'],
  layerNormEps: ['eps'],
  maxPositions: ['contextlength', 'maxpositionembeddings', 'maxlength', 'maxseqlength'],
  numHeads: ['numattentionheads', 'heads', 'nhead', 'nheads'],
  numLayers: ['depth', 'numhiddenlayers', 'layers', 'nlayers'],
};

/**
 * The known name that was probably meant: the same but for case and underscores, what other libraries call it (`hidden_dim` for
 * `intermediateSize`), one that begins like it or holds it, its initials (`lr` for `learningRate`), or one that differs by few letters.
 *
 * @returns undefined where none is near
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.replace(/[^a-z0-9]/gi, '').toLowerCase();
  const wanted = plain(name);
  const distance = (candidate: string): number => {
    const other = plain(candidate);
    if (other === wanted || (Object.hasOwn(ELSEWHERE, candidate) && ELSEWHERE[candidate]!.includes(wanted))) return 0;
    const initials = candidate.replace(/(?<!^)[a-z0-9]+/g, '').toLowerCase();
    const begins = wanted.length > 1 && (other.startsWith(wanted) || (other.length > 1 && wanted.startsWith(other)));
    if (begins || (initials.length > 1 && initials === wanted)) return 1;
    if (wanted.length > 3 && other.includes(wanted)) return 2;
    return 1 + editDistance(wanted, other);
  };
  const [nearest] = known.map((candidate) => ({ candidate, far: distance(candidate) })).sort((a, b) => a.far - b.far);
  return nearest && nearest.far <= 2 + wanted.length / 4 ? nearest.candidate : undefined;
}

/** Letters to insert, delete, replace or swap with their neighbour (Damerau 1964, optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = rows[i - 1]!;
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, replaced);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
