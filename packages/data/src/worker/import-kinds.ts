import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { buildPart, ConfigError, type KindModule, modulesOf, type PartDescription } from '@diptych/core';

/**
 * Builds a transform or tokenizer in this thread: imports the modules that register its kinds, and builds it by them.
 *
 * @param resolveFrom files of the program, from which a package name is looked up where this package does not see it
 * @throws ConfigError if a module cannot be imported, or has no such kind
 */
export async function buildFromModules<Part>(
  what: string,
  { description, modules }: PortablePart,
  resolveFrom: readonly string[] = [],
): Promise<Part> {
  // each registers its kinds
  for (const module of new Set(modules.map((entry) => entry.module))) await importModule(what, module, resolveFrom);
  return await buildPart<Part | Promise<Part>>(description, { where: 'data.worker', kinds: {} });
}

/** A description with the modules that another thread has to import. */
export interface PortablePart {
  readonly description: PartDescription;
  readonly modules: readonly KindModule[];
}

/**
 * @returns the part as it goes to worker threads
 * @throws ConfigError that names the kinds for which nobody says a module
 */
export function portablePart(what: string, description: PartDescription): PortablePart {
  const { modules, missing } = modulesOf(description);
  if (missing.length === 0) return { description, modules };
  throw new ConfigError({
    where: 'data.DataLoader',
    expected: `a ${what} that workers can build`,
    got: `the kind${missing.length === 1 ? '' : 's'} ${missing.join(', ')}, for which no module is known`,
    remedy: `registerKinds({ '${missing[0]}': (options) => … }, import.meta.url) where it is defined, or set workers: 0`,
  });
}

async function importModule(
  what: string,
  module: string,
  resolveFrom: readonly string[],
): Promise<Record<string, unknown>> {
  try {
    return await importFrom(module, resolveFrom);
  } catch (cause) {
    throw new ConfigError(
      {
        where: 'data.worker',
        expected: `to import the ${what}'s module ${module}`,
        got: cause instanceof Error ? cause.message : String(cause),
        remedy: 'registerKinds() wants import.meta.url; or set workers: 0',
      },
      { cause },
    );
  }
}

/** Package managers with strict folders show this package its own dependencies only: then ask as the program would. */
async function importFrom(module: string, resolveFrom: readonly string[]): Promise<Record<string, unknown>> {
  try {
    return (await import(module)) as Record<string, unknown>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND' || /^(file:|[./])/.test(module)) throw error;
    for (const file of resolveFrom) {
      let found: string;
      try {
        found = createRequire(file).resolve(module);
      } catch {
        continue;
      }
      return (await import(pathToFileURL(found).href)) as Record<string, unknown>;
    }
    throw error;
  }
}
