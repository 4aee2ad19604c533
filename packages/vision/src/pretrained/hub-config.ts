import { type Json, type JsonObject, WeightsError } from '@diptych/core';
import type { Activation } from '@diptych/nn';

/** transformers' names of activations. */
const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
};

/**
 * Reads the fields of a `config.json`, with transformers' defaults for those that are left out and errors that name the
 * file and the field.
 */
export class HubConfig {
  readonly #where: string;
  readonly #fields: JsonObject;

  constructor(where: string, fields: JsonObject) {
    this.#where = where;
    this.#fields = fields;
  }

  has(field: string): boolean {
    return this.#fields[field] !== undefined && this.#fields[field] !== null;
  }

  /** @throws WeightsError if the field is no number, or missing without a default */
  number(field: string, fallback?: number): number {
    const value = this.has(field) ? this.#fields[field] : fallback;
    return typeof value === 'number' ? value : this.#fail(field, 'a number');
  }

  /** A number, or the first of a list of equal ones, as sizes of squares are written. */
  side(field: string, fallback?: number): number {
    const value = this.#fields[field];
    if (!Array.isArray(value)) return this.number(field, fallback);
    const [side] = value as Json[];
    const square = typeof side === 'number' && value.every((other) => other === side);
    return square ? side : this.#fail(field, 'a square');
  }

  /** @throws WeightsError if the field is no list of numbers */
  numbers(field: string, fallback?: readonly number[]): readonly number[] {
    const value = this.has(field) ? this.#fields[field] : fallback;
    const good = Array.isArray(value) && value.every((item) => typeof item === 'number');
    return good ? (value as number[]) : this.#fail(field, 'a list of numbers');
  }

  /** @throws WeightsError if the field is no text, or missing without a default */
  text(field: string, fallback?: string): string {
    const value = this.has(field) ? this.#fields[field] : fallback;
    return typeof value === 'string' ? value : this.#fail(field, 'a text');
  }

  /** @throws WeightsError if the field is neither true nor false */
  flag(field: string, fallback: boolean): boolean {
    const value = this.has(field) ? this.#fields[field] : fallback;
    return typeof value === 'boolean' ? value : this.#fail(field, 'true or false');
  }

  /** An object's fields; none where it is missing. */
  object(field: string): HubConfig {
    const value = this.has(field) ? this.#fields[field] : {};
    if (!isJsonObject(value)) this.#fail(field, 'an object');
    return new HubConfig(`${this.#where}: ${field}`, value as JsonObject);
  }

  /** An activation by transformers' name. */
  activation(field: string, fallback: string): Activation {
    const name = this.text(field, fallback);
    return ACTIVATIONS[name] ?? this.#fail(field, `one of ${Object.keys(ACTIVATIONS).join(', ')}`);
  }

  /** @throws WeightsError unless the field is missing or has the only value that is implemented */
  only(field: string, value: Json): void {
    if (this.has(field) && JSON.stringify(this.#fields[field]) !== JSON.stringify(value)) {
      this.#fail(field, `${JSON.stringify(value)}, the only one implemented`);
    }
  }

  /** @throws WeightsError if there is a field that is not listed */
  noneBut(known: readonly string[]): void {
    const unknown = Object.keys(this.#fields).filter((field) => this.has(field) && !known.includes(field));
    if (unknown.length > 0) this.#fail(unknown[0]!, 'no such argument, which is not implemented');
  }

  #fail(field: string, expected: string): never {
    throw new WeightsError({
      where: `${this.#where}: ${field}`,
      expected,
      got: JSON.stringify(this.#fields[field])?.slice(0, 200) ?? 'nothing',
    });
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
