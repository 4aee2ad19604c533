import { type JsonObject, WeightsError } from '@diptych/core';
import type { Activation } from '@diptych/nn';

/** A hub's config.json with checked access: every error names the file and the field. */
export class HubConfig {
  constructor(
    /** For messages: `org/name/config.json`. */
    readonly where: string,
    readonly fields: JsonObject,
  ) {}

  /**
   * A number.
   *
   * @param keys names of the field, the first that is there counts
   * @throws WeightsError if none is there and there is no fallback, or it is no number
   */
  number(keys: string | readonly string[], fallback?: number): number {
    const value = this.#find(keys) ?? fallback;
    if (typeof value === 'number') return value;
    throw this.unexpected(keys, 'a number', value);
  }

  /**
   * A string.
   *
   * @throws WeightsError as {@link number}
   */
  string(keys: string | readonly string[], fallback?: string): string {
    const value = this.#find(keys) ?? fallback;
    if (typeof value === 'string') return value;
    throw this.unexpected(keys, 'a string', value);
  }

  /**
   * An activation by transformers' name for it.
   *
   * @throws WeightsError if there is no such activation here
   */
  activation(keys: string | readonly string[], fallback: string): Activation {
    const name = this.string(keys, fallback);
    const found = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
    if (found) return found;
    throw this.unexpected(keys, `one of ${Object.keys(ACTIVATIONS).join(', ')}`, name);
  }

  /**
   * The object in a field, for towers that have a configuration of their own.
   *
   * @throws WeightsError if it is no object
   */
  section(key: string): HubConfig {
    const value = this.fields[key];
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return new HubConfig(`${this.where}: ${key}`, value as JsonObject);
    }
    throw this.unexpected(key, 'an object', value);
  }

  /** The error of a field that holds something else. */
  unexpected(keys: string | readonly string[], expected: string, got: unknown): WeightsError {
    const names = typeof keys === 'string' ? keys : keys.join(' or ');
    return new WeightsError({
      where: this.where,
      expected: `${names} to be ${expected}`,
      got: got === undefined ? 'nothing' : JSON.stringify(got),
    });
  }

  #find(keys: string | readonly string[]): JsonObject[string] {
    const names = typeof keys === 'string' ? [keys] : keys;
    return names.map((name) => this.fields[name]).find((value) => value !== undefined && value !== null);
  }
}

/** transformers' names (`ACT2FN`) to ours. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
  tanh: 'tanh',
};
