import { ConfigError } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** Nested plain objects and arrays with tensors and static values at the leaves. */
export type Nested = unknown;

/** A nested value taken apart: what identifies its structure, and its tensors in order. */
export interface Flattened {
  /** Equal for values of equal structure: keys, static values, and shape and dtype of each tensor. */
  key: string;
  tensors: tf.Tensor[];
}

/**
 * Takes a nested value apart.
 *
 * @throws ConfigError for what is neither a tensor, plain container nor static value
 */
export function flatten(value: Nested, where: string): Flattened {
  const tensors: tf.Tensor[] = [];
  const parts: string[] = [];
  const visit = (item: Nested, path: string): void => {
    if (item instanceof tf.Tensor) {
      // A variable is state, not an argument: another variable is another recording.
      if (item instanceof tf.Variable) parts.push(`V${item.id}`);
      else {
        parts.push(`T${item.dtype}[${item.shape}]`);
        tensors.push(item);
      }
      return;
    }
    if (isStatic(item)) {
      parts.push(typeof item === 'string' ? JSON.stringify(item) : Object.is(item, -0) ? '-0' : String(item));
      return;
    }
    if (Array.isArray(item)) {
      parts.push('[');
      item.forEach((child, i) => {
        visit(child, `${path}[${i}]`);
      });
      parts.push(']');
      return;
    }
    if (!isPlainObject(item)) {
      throw new ConfigError({
        where: `${where}${path}`,
        expected: 'a tensor, a number, string, boolean, null or undefined, or a plain object or array of these',
        got: describe(item),
        remedy: 'pass its tensors and settings one by one; what the function closes over needs no argument',
      });
    }
    parts.push('{');
    for (const [key, child] of Object.entries(item)) {
      parts.push(`${key}:`);
      visit(child, `${path}.${key}`);
    }
    parts.push('}');
  };
  visit(value, '');
  return { key: parts.join(), tensors };
}

/** The same nested value with each of its tensors (in the order of {@link flatten}) replaced. */
export function replaceTensors(value: Nested, replacement: (tensor: tf.Tensor, index: number) => tf.Tensor): Nested {
  let index = 0;
  const visit = (item: Nested): Nested => {
    if (item instanceof tf.Tensor) return item instanceof tf.Variable ? item : replacement(item, index++);
    if (Array.isArray(item)) return item.map(visit);
    if (isPlainObject(item)) return Object.fromEntries(Object.entries(item).map(([key, child]) => [key, visit(child)]));
    return item;
  };
  return visit(value);
}

function isStatic(item: unknown): item is string | number | boolean | null | undefined {
  return item === null || ['string', 'number', 'boolean', 'undefined'].includes(typeof item);
}

function isPlainObject(item: unknown): item is Record<string, unknown> {
  if (typeof item !== 'object' || item === null) return false;
  const prototype = Object.getPrototypeOf(item);
  return prototype === Object.prototype || prototype === null;
}

function describe(item: unknown): string {
  if (typeof item === 'function') return 'a function';
  return typeof item === 'object' ? `an object of class ${item?.constructor?.name}` : `a ${typeof item}`;
}
