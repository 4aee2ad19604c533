import { buffersOf, ConfigError, isStateful, type PartDescription, parametersOf, type Stateful } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { isBuffer } from './parameter.js';

/**
 * A part of a network: an object whose properties are parameters, buffers, other parts, and arrays (of arrays) of parts. A
 * part is a Module, or any object that is `Stateful`.
 *
 * Names follow the property path as PyTorch's state dict writes it: `inProjWeight` reads `in_proj_weight`, `layer1[0].conv1`
 * reads `layer1.0.conv1`; names that start with a capital stay as they are (`LayerNorm`). They never become tf variable
 * names, so two models of one kind coexist.
 */
export abstract class Module implements Stateful {
  #path: string | undefined;

  /**
   * Where this module stands in its model, e.g. `text.encoder.layer.0.dropout`: the site of its random draws.
   *
   * @throws ConfigError if `bindPaths` was never called on the model
   */
  get path(): string {
    if (this.#path === undefined) {
      throw new ConfigError({
        where: `nn.${this.constructor.name}`,
        problem: 'this module does not know its path in the model, which its random draws are named by',
        remedy: "call bindPaths('my_model') once on the outermost module (MultiModalEncoder does it for its parts)",
      });
    }
    return this.#path;
  }

  /** {@link path}, or undefined where nobody has told it. */
  get knownPath(): string | undefined {
    return this.#path;
  }

  /** Tells this module and all modules inside where they stand. The outermost module's owner calls it once. */
  bindPaths(path: string): this {
    this.#path = path;
    for (const [name, child] of this.namedChildren()) {
      if (child instanceof Module) child.bindPaths(path === '' ? name : `${path}.${name}`);
    }
    return this;
  }

  /** Parts directly inside this one, in the order of the properties. */
  *namedChildren(): Iterable<[string, Stateful]> {
    for (const [key, value] of Object.entries(this)) {
      const name = toStateName(key);
      yield* partsIn(name, value);
    }
  }

  /** This module and every Module inside it, outermost first, by path relative to this one (`''` for itself). */
  *namedModules(prefix = ''): Iterable<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) {
      if (child instanceof Module) yield* child.namedModules(prefix === '' ? name : `${prefix}.${name}`);
    }
  }

  /** Own parameters, then those of the parts inside; one that several hold appears once, under its first name. */
  namedParameters(): Iterable<[string, tf.Variable]> {
    const own = this.#ownVariables().filter(([, variable]) => !isBuffer(variable));
    return unique(own, this.namedChildren(), parametersOf);
  }

  /** Own buffers, then those of the parts inside. */
  namedBuffers(): Iterable<[string, tf.Variable]> {
    const own = this.#ownVariables().filter(([, variable]) => isBuffer(variable));
    return unique(own, this.namedChildren(), buffersOf);
  }

  /** Frees every parameter and buffer of this module and of the parts inside. */
  dispose(): void {
    for (const [, child] of this.namedChildren()) child.dispose();
    for (const [, variable] of this.#ownVariables()) if (!variable.isDisposed) variable.dispose();
  }

  describe?(): PartDescription;

  #ownVariables(): [string, tf.Variable][] {
    return Object.entries(this).flatMap(([key, value]): [string, tf.Variable][] =>
      value instanceof tf.Variable ? [[toStateName(key), value]] : [],
    );
  }
}

function* unique(
  own: readonly [string, tf.Variable][],
  children: Iterable<[string, Stateful]>,
  variablesOf: (part: Stateful, prefix: string) => [string, tf.Variable][],
): Iterable<[string, tf.Variable]> {
  const seen = new Set<tf.Variable>();
  const all = [own, ...Array.from(children, ([name, child]) => variablesOf(child, name))];
  for (const [name, variable] of all.flat()) {
    if (seen.has(variable)) continue;
    seen.add(variable);
    yield [name, variable];
  }
}

/** A part, or those of a list, of lists of lists too: `blocks[1][0]` is `blocks.1.0`. */
function* partsIn(name: string, value: unknown): Iterable<[string, Stateful]> {
  if (isStateful(value)) yield [name, value];
  else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* partsIn(`${name}.${index}`, item);
  }
}

/** `runningMean` -> `running_mean`; capitalised names stay. */
function toStateName(property: string): string {
  if (/^[A-Z]/.test(property)) return property;
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
