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
