import { type JsonObject, namedConfig } from '@diptych/core';

/** What an encoder was asked to be. */
export interface Architecture<Name, Config> {
  /** What its messages call it: `vision.resnet50`, or the family where the configuration is your own. */
  readonly where: string;
  /** The name, or a copy of the configuration. */
  readonly architecture: Name | Config;
  /** Its sizes. */
  readonly config: Config;
}

/**
 * Finds a named configuration, or copies your own, which its owner may go on changing.
 *
 * @param family what messages call the encoder: `vision.ResNet`
 * @throws ConfigError that lists the family's names
 */
export function resolveArchitecture<Name extends string, Config extends object>(
  family: string,
  table: Readonly<Record<Name, Config>>,
  asked: Name | Config,
): Architecture<Name, Config> {
  if (typeof asked !== 'object' || asked === null) {
    const config = namedConfig<Config>(family, table, asked);
    return { where: `vision.${asked}`, architecture: asked, config };
  }
  const config = structuredClone(asked);
  return { where: family, architecture: config, config };
}

/** A name, or a copy of a configuration, for `describe()`. */
export function describeArchitecture(architecture: string | object): string | JsonObject {
  return typeof architecture === 'string' ? architecture : { ...architecture };
}
