import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { ConfigError, type PartDescription } from '@diptych/core';

/**
 * Builds a transform or tokenizer from its description: imports the module, calls the factory.
 *
 * @param resolveFrom files of the program, from which a package name is looked up where this package does not see it
 * @throws ConfigError if the description names no module, or the module no such factory
 */
export async function buildPart<Part>(
  what: string,
  description: PartDescription,
  resolveFrom: readonly string[] = [],
): Promise<Part> {
  const { kind, module, options, export: factoryName } = description;
  if (module === undefined || factoryName === undefined) throw notPortable(what, kind);
  let loaded: Record<string, unknown>;
  try {
    loaded = await importFrom(module, resolveFrom);
  } catch (cause) {
    throw new ConfigError(
      {
        where: 'data.worker',
        expected: `to import the ${what}'s module ${module}`,
        got: cause instanceof Error ? cause.message : String(cause),
        remedy: 'describe() has to give a package name or a file URL; or set workers: 0',
      },
      { cause },
    );
  }
  const factory = loaded[factoryName];
  if (typeof factory !== 'function') {
    throw new ConfigError({
      where: 'data.worker',
      expected: `a function ${factoryName} in ${module} that builds the ${what}`,
      got: typeof factory,
    });
  }
  return (await factory(options)) as Part;
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

/** The refusal of a part that cannot be built in another thread. */
export function notPortable(what: string, kind: string): ConfigError {
  return new ConfigError({
    where: 'data.DataLoader',
    expected: `a ${what} that workers can build: its describe() gives module and export`,
    got: `only the kind ${JSON.stringify(kind)}`,
    remedy: 'export a factory `(options) => part` from a module and name both in describe(), or set workers: 0',
  });
}
