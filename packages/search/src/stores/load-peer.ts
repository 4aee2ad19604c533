import { ConfigError } from '@diptych/core';

/**
 * Loads a package that only some programs need.
 *
 * @throws ConfigError that says how to install it
 */
export async function loadPeer<Module>(where: string, name: string, version: string): Promise<Module> {
  try {
    return (await import(name)) as Module;
  } catch (cause) {
    throw new ConfigError(
      {
        where,
        expected: `the package ${name}`,
        got: cause instanceof Error ? cause.message.split('\n')[0] : String(cause),
        remedy: `npm install ${name}@${version}`,
      },
      { cause },
    );
  }
}
