import { checkFields } from './config-checks.js';
import type { Json, JsonObject, PartDescription } from './description.js';
import { ConfigError } from './errors.js';
import { isStateful } from './stateful.js';

/** What the builder of a part may need beside its options. */
export interface BuildContext {
  /** Folder with the part's own files (a vocabulary), where it is built from a saved model. */
  readonly folder?: string;
  /** Texts of those files by their names, where no folder holds them. */
  readonly files?: Readonly<Record<string, string>>;
  /** Builds a part that is described inside this one. */
  build<Part>(description: PartDescription): Part;
}

/** Builds a part from the options in its description; a model's weights are loaded afterwards. */
export type PartBuilder<Part = unknown> = {
  // a method's parameters may be narrower: builders take their own options' type, though what a file holds nobody can check
  build(options: JsonObject, context: BuildContext): Part;
}['build'];

/**
 * Builders by kind. Every package exports the table of its own kinds as `kinds`; what reads descriptions (`load`, the
 * data loader's workers) looks them up there.
 */
export type Kinds = Readonly<Record<string, PartBuilder>>;

interface Registered {
  readonly builder: PartBuilder;
  readonly module: string | undefined;
}

/** Programs may hold several copies of this package; they share one table. */
const REGISTRY = Symbol.for('diptych.kinds');

function registry(): Map<string, Registered> {
  const place = globalThis as { [REGISTRY]?: Map<string, Registered> };
  place[REGISTRY] ??= new Map();
  return place[REGISTRY];
}

/**
 * Makes kinds of your own known to everything that builds parts from descriptions: `load`, workers, nested parts. Call it
 * once, at the top of the module that defines the parts:
 *
 * ```js
 * registerKinds({ 'my/encoder': (options) => new MyEncoder(options) }, import.meta.url);
 * ```
 *
 * With the module's address, worker threads can import it and so build the parts as well. The address stays in the
 * process: saved files hold kind and options alone.
 *
 * @throws ConfigError for a name without a slash, which is kept for diptych's own, or a builder that is no function
 */
export function registerKinds(kinds: Kinds, module?: string | URL): void {
  checkFields('core.registerKinds', 'builders by kind', kinds, []);
  for (const [kind, builder] of Object.entries(kinds)) {
    if (typeof builder !== 'function' || !/^[^/\s]+\/\S+$/.test(kind)) {
      throw new ConfigError({
        where: 'core.registerKinds',
        expected: "builders by kind, each named 'owner/part'",
        got: typeof builder === 'function' ? JSON.stringify(kind) : `${JSON.stringify(kind)}: ${typeof builder}`,
      });
    }
    registry().set(kind, { builder, module: module?.toString() });
  }
}

/** Where a kind that is not registered is looked for, and what errors call the caller. */
export interface BuildPartOptions {
  /** For messages: `diptych.load`. */
  readonly where: string;
  /** Tables of the packages; they go before what is registered. */
  readonly kinds: Kinds;
  /** Folder with the part's own files. */
  readonly folder?: string;
  /** Texts of those files by their names, where no folder holds them. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Builds a part from its description.
 *
 * @throws ConfigError that names every unknown kind in the description, not only the first; what was built by then is freed
 */
export function buildPart<Part>(description: PartDescription, options: BuildPartOptions): Part {
  checkFields('core.buildPart', 'options', options, ['where', 'kinds']);
  checkKinds([description], options);
  const { folder, files } = options;
  const built: unknown[] = [];
  const build = <Inner>(inner: PartDescription): Inner => {
    if (typeof inner?.kind !== 'string' || !isObject(inner.options)) throw noDescription(options.where, inner);
    const part = builderOf(inner.kind, options.kinds)!(inner.options, { folder, files, build });
    built.push(part);
    return part as Inner;
  };
  try {
    return build<Part>(description);
  } catch (error) {
    // the parts inside of one that could not be built
    for (const part of built) if (isStateful(part)) part.dispose();
    throw error;
  }
}

function noDescription(where: string, got: unknown): ConfigError {
  return new ConfigError({
    where,
    expected: 'a part with kind and options',
    got: JSON.stringify(got)?.slice(0, 200) ?? 'nothing',
  });
}

/**
 * Checks that everything in these descriptions can be built.
 *
 * @throws ConfigError that names every kind that nobody knows
 */
export function checkKinds(descriptions: readonly PartDescription[], { where, kinds }: BuildPartOptions): void {
  const used = new Set(descriptions.flatMap((description) => [...kindsIn(description)].map(({ kind }) => kind)));
  const unknown = [...used].filter((kind) => !builderOf(kind, kinds));
  if (unknown.length === 0) return;
  throw new ConfigError({
    where,
    expected: `kinds that are known here: ${[...Object.keys(kinds), ...registry().keys()].join(', ')}`,
    got: unknown.join(', '),
    remedy: `import the module that defines ${unknown.length === 1 ? 'it' : 'them'} and calls registerKinds({ ${unknown.map((kind) => `'${kind}': (options) => …`).join(', ')} })`,
  });
}

function builderOf(kind: string, kinds: Kinds): PartBuilder | undefined {
  return Object.hasOwn(kinds, kind) ? kinds[kind] : registry().get(kind)?.builder;
}

/** Where another thread finds the builder of a kind. */
export interface KindModule {
  readonly kind: string;
  /** Address of the module that registers it, or its package's name. */
  readonly module: string;
}

/**
 * The modules that another thread has to import before it can build a part.
 *
 * @returns the modules, and the kinds for which nobody says one
 */
export function modulesOf(description: PartDescription): {
  readonly modules: readonly KindModule[];
  readonly missing: readonly string[];
} {
  const modules: KindModule[] = [];
  const missing: string[] = [];
  for (const { kind } of kindsIn(description)) {
    const module = registry().get(kind)?.module;
    if (module === undefined) missing.push(kind);
    else modules.push({ kind, module });
  }
  return { modules, missing };
}

/** Every description inside a value; a transform's steps of your own name their kind as `op`. */
function* kindsIn(value: Json | PartDescription | undefined): Generator<Omit<PartDescription, 'options'>> {
  if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) yield* kindsIn(item);
    return;
  }
  if (!isObject(value)) return;
  // JSON and PartDescription differ in types alone
  if (isDescription(value)) yield value as unknown as PartDescription;
  else if (typeof value.op === 'string' && value.op.includes('/')) yield { kind: value.op };
  for (const item of Object.values(value)) yield* kindsIn(item);
}

function isDescription(value: JsonObject): boolean {
  return typeof value.kind === 'string' && isObject(value.options);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
