import { ConfigError } from '@diptych/core';
import { Generator } from '@diptych/nn';

/** Where an encoder's first weights come from; one of the two, by default seed 0. */
export interface RandomWeights {
  /** The same seed gives the same weights on every backend. */
  readonly seed?: number;
  /** A generator shared with other parts of a model, in place of a seed. */
  readonly generator?: Generator;
}

/** The generator that options ask for. */
export function generatorOf({ seed = 0, generator }: RandomWeights): Generator {
  return generator ?? new Generator(seed);
}

/**
 * Checks a size of a configuration.
 *
 * @throws ConfigError unless it is a whole number above 0
 */
export function checkPositive(where: string, what: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new ConfigError({ where, expected: `${what} to be a whole number above 0`, got: String(value) });
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
    got: name,
    remedy: 'or pass a configuration object of your own',
  });
}
