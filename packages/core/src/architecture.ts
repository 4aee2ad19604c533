import { checkOptions, namedConfig, type OptionNames } from './config-checks.js';
import type { JsonObject } from './description.js';

/** What an encoder was asked to be. */
export interface Architecture<Name, Config> {
  /** What its messages call it: `vision.resnet50`, or the class where the configuration is your own. */
  readonly where: string;
  /** The name, or a copy of the configuration. */
  readonly architecture: Name | Config;
  /** Its sizes. */
  readonly config: Config;
}

/** The architectures of one class. */
export interface Architectures<Name extends string, Config extends object> {
  /** What messages call the class: `vision.ResNet`. */
  readonly where: string;
  /** Sizes by name. */
  readonly table: Readonly<Record<Name, Config>>;
  /** What a configuration may hold. */
  readonly names: OptionNames<Config>;
}

/**
 * Finds a named configuration, or checks and copies your own, which its owner may go on changing.
 *
 * @throws ConfigError that lists the names of architectures, or of what a configuration holds
 */
export function resolveArchitecture<Name extends string, Config extends object>(
  asked: Name | Config,
  { where, table, names }: Architectures<Name, Config>,
): Architecture<Name, Config> {
  if (typeof asked !== 'object' || asked === null) {
    const config = namedConfig<Config>(where, table, asked);
    return { where: `${where.split('.')[0]}.${asked}`, architecture: asked, config };
  }
  checkOptions(where, asked, names);
  const config = structuredClone(asked);
  return { where, architecture: config, config };
}

/** A name, or a copy of a configuration, for `describe()`. */
export function describeArchitecture(architecture: string | object): string | JsonObject {
  return typeof architecture === 'string' ? architecture : { ...architecture };
}
