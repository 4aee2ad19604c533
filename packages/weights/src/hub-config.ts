import { type Json, type JsonObject, WeightsError } from '@diptych/core';

/**
 * Reads the fields of a `config.json`, with transformers' defaults for those that are left out and errors that name the
 * file and the field. It remembers what was read: {@link unread} lists the fields that had no effect.
 */
export class HubConfig {
  /** For messages: `org/name/config.json`. */
  readonly where: string;
  readonly #fields: JsonObject;
  /** Fields that were asked for, and the objects that were opened. */
  readonly #read = new Map<string, HubConfig | undefined>();

  constructor(where: string, fields: JsonObject) {
    this.where = where;
    this.#fields = fields;
  }

  /** True if the field has a value other than null. */
  has(field: string): boolean {
    return this.#value(field) !== undefined;
  }

  /**
   * A number.
   *
   * @param names names of the field, of which the first that is there counts
   * @throws WeightsError if it is no number, or missing without a default
   */
  number(names: string | readonly string[], fallback?: number): number {
    const value = this.#first(names) ?? fallback;
    return typeof value === 'number' ? value : this.#fail(names, 'a number');
  }

  /** A number, or the first of a list of equal ones, as sizes of squares are written. */
  side(field: string, fallback?: number): number {
    const value = this.#value(field);
    if (!Array.isArray(value)) return this.number(field, fallback);
    const [side] = value as Json[];
    const square = typeof side === 'number' && value.every((other) => other === side);
    return square ? side : this.#fail(field, 'a square');
  }

  /** @throws WeightsError if the field is no list of numbers */
  numbers(field: string, fallback?: readonly number[]): readonly number[] {
    const value = this.#value(field) ?? fallback;
    const good = Array.isArray(value) && value.every((item) => typeof item === 'number');
    return good ? (value as number[]) : this.#fail(field, 'a list of numbers');
  }

  /** @throws WeightsError if the field is no text, or missing without a default */
  text(names: string | readonly string[], fallback?: string): string {
    const value = this.#first(names) ?? fallback;
    return typeof value === 'string' ? value : this.#fail(names, 'a text');
  }

  /** @throws WeightsError if the field is neither true nor false */
  flag(field: string, fallback: boolean): boolean {
    const value = this.#value(field) ?? fallback;
    return typeof value === 'boolean' ? value : this.#fail(field, 'true or false');
  }

  /**
   * What a table has for the field's text: activations by transformers' names (`TRANSFORMERS_ACTIVATIONS` of nn), say.
   *
   * @throws WeightsError if the table has nothing for it
   */
  choice<Value>(field: string, table: Readonly<Record<string, Value>>, fallback: string): Value {
    const name = this.text(field, fallback);
    return Object.hasOwn(table, name) ? table[name]! : this.#fail(field, `one of ${Object.keys(table).join(', ')}`);
  }

  /** An object's fields; none where it is missing. */
  object(field: string): HubConfig {
    const opened = this.#read.get(field);
    if (opened) return opened;
    const value = this.#value(field) ?? {};
    if (!isJsonObject(value)) this.#fail(field, 'an object');
    return this.#open(field, value as JsonObject);
  }

  /** An object as it is written; undefined where it is missing. */
  json(field: string): JsonObject | undefined {
    const value = this.#value(field);
    if (value === undefined || isJsonObject(value)) return value as JsonObject | undefined;
    return this.#fail(field, 'an object');
  }

  /** Those of these fields that are there; undefined where there are none. */
  pick(fields: readonly string[]): JsonObject | undefined {
    const found = fields
      .map((field) => [field, this.#value(field)] as const)
      .filter(([, value]) => value !== undefined);
    return found.length > 0 ? Object.fromEntries(found) : undefined;
  }

  /**
   * The configuration of one tower of a whole model: `<name>_config`. An older `<name>_config_dict` beside it replaces it
   * as a whole, its own defaults included, as in transformers' CLIPConfig.
   *
   * @param name for instance `text`
   */
  tower(name: string): HubConfig {
    const field = `${name}_config`;
    const replaced = this.#value(`${field}_dict`);
    const opened = this.#read.get(field);
    if (opened) return opened;
    if (replaced === undefined) return this.object(field);
    if (!isJsonObject(replaced)) this.#fail(`${field}_dict`, 'an object');
    return this.#open(field, replaced as JsonObject, `${field}_dict`);
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

  /** The fields that nobody has asked for so far, those of opened objects with a dot: `text_config.dtype`. */
  unread(): readonly string[] {
    return Object.keys(this.#fields).flatMap((field) => {
      const opened = this.#read.get(field);
      if (opened) return opened.unread().map((inner) => `${field}.${inner}`);
      return this.#read.has(field) ? [] : [field];
    });
  }

  #open(field: string, fields: JsonObject, label = field): HubConfig {
    const opened = new HubConfig(`${this.where}: ${label}`, fields);
    this.#read.set(field, opened);
    return opened;
  }

  #value(field: string): Json | undefined {
    if (!this.#read.has(field)) this.#read.set(field, undefined);
    const value = Object.hasOwn(this.#fields, field) ? this.#fields[field] : undefined;
    return value ?? undefined;
  }

  #first(names: string | readonly string[]): Json | undefined {
    return (typeof names === 'string' ? [names] : names)
      .map((name) => this.#value(name))
      .find((value) => value !== undefined);
  }

  #fail(names: string | readonly string[], expected: string): never {
    const field = typeof names === 'string' ? names : names.join(' or ');
    throw new WeightsError({
      where: `${this.where}: ${field}`,
      expected,
      got: JSON.stringify(this.#first(names))?.slice(0, 200) ?? 'nothing',
    });
  }
}

/** True for what JSON calls an object. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
