import type { PartBuilder, Stateful } from '@diptych/core';
import { BlankGenerator } from './generator.js';

/** A class that is built from one object of options. */
type FromOptions = new (options: never) => Stateful;
/** A class that is built from an architecture (a name or a configuration) and options. */
type FromArchitecture = new (architecture: never, options: never) => Stateful;

// Descriptions hold what the classes' own `describe()` wrote, so the options are theirs; the classes check them.

/** The builder of a class `new Class(options)`, for a table of kinds. Weights are loaded afterwards: none are drawn. */
export function fromOptions(Class: FromOptions): PartBuilder<Stateful> {
  return (options) => new Class({ ...options, generator: new BlankGenerator() } as never);
}

/** The same for a class `new Class(architecture, options)`. */
export function fromArchitecture(Class: FromArchitecture): PartBuilder<Stateful> {
  return ({ architecture, ...options }) =>
    new Class(architecture as never, { ...options, generator: new BlankGenerator() } as never);
}
