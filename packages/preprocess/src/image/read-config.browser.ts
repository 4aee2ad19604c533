import { ConfigError, type JsonObject } from '@diptych/core';

/**
 * Browsers have no files to read a configuration from.
 *
 * @throws ConfigError that says what to pass in place of a path
 */
export function readConfig(source: string | URL): JsonObject {
  throw new ConfigError({
    where: 'preprocess.imageTransform',
    expected: "'imagenet', 'torchvision', 'clip', 'siglip', or the object of a configuration: browsers read no paths",
    got: String(source),
    remedy: 'fetch the file and pass its JSON',
  });
}
