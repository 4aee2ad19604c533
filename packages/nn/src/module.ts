import { ConfigError, type PartDescription, type Stateful } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';
import { isBuffer } from './parameter.js';

/**
 * A part of a network: an object whose properties are parameters, buffers, other modules, and arrays of modules.
 *
 * Names follow the property path as PyTorch's state dict writes it: `inProjWeight` reads `in_proj_weight`, `layer1[0].conv1`
 * reads `layer1.0.conv1`; names that start with a capital stay as they are (`LayerNorm`). They never become tf variable
 * names, so two models of one kind coexist.
 */
export abstract class Module implements Stateful {
  #path: string | undefined;

  /**
   * Where this module stands in its model, e.g. `text_encoder.encoder.layer.0.dropout`: the site of its random draws.
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

  /** Tells this module and all modules inside where they stand. The outermost module's owner calls it once. */
  bindPaths(path: string): this {
    this.#path = path;
    for (const [name, child] of this.namedChildren()) child.bindPaths(path === '' ? name : `${path}.${name}`);
    return this;
  }

  /** Modules directly inside this one, in the order of the properties. */
  *namedChildren(): Iterable<[string, Module]> {
    for (const [key, value] of Object.entries(this)) {
      const name = toStateName(key);
      if (value instanceof Module) yield [name, value];
      else if (Array.isArray(value)) {
        for (const [index, item] of value.entries()) if (item instanceof Module) yield [`${name}.${index}`, item];
      }
    }
  }

  /** This module and every one inside it, outermost first, by path relative to this one (`''` for itself). */
  *namedModules(prefix = ''): Iterable<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) {
      yield* child.namedModules(prefix === '' ? name : `${prefix}.${name}`);
    }
  }

  *namedParameters(): Iterable<[string, tf.Variable]> {
    for (const [name, variable] of this.#namedVariables()) if (!isBuffer(variable)) yield [name, variable];
  }

  *namedBuffers(): Iterable<[string, tf.Variable]> {
    for (const [name, variable] of this.#namedVariables()) if (isBuffer(variable)) yield [name, variable];
  }

  /** Frees every parameter and buffer of this module and of those inside. */
  dispose(): void {
    for (const [, variable] of this.#namedVariables()) if (!variable.isDisposed) variable.dispose();
  }

  describe?(): PartDescription;

  *#namedVariables(): Iterable<[string, tf.Variable]> {
    const seen = new Set<tf.Variable>();
    for (const [path, module] of this.namedModules()) {
      for (const [key, value] of Object.entries(module)) {
        if (!(value instanceof tf.Variable) || seen.has(value)) continue;
        seen.add(value);
        yield [path === '' ? toStateName(key) : `${path}.${toStateName(key)}`, value];
      }
    }
  }
}

/** `runningMean` -> `running_mean`; capitalised names stay. */
function toStateName(property: string): string {
  if (/^[A-Z]/.test(property)) return property;
  return property.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
