import type { Module } from './module.js';

/** A method by which modules are called. */
export type CallName = 'forward' | 'encode';

type Call = (...args: unknown[]) => unknown;

/**
 * Puts a function around a method of one module, until it is undone: to look at what it gives, or to compute it in another
 * way. Several may lie around each other; they are undone in the reverse order.
 *
 * @param around gets the method as it was, bound to the module, and the arguments of the call
 * @returns what undoes it; does nothing where the module has no such method
 */
export function aroundCalls(
  module: Module,
  name: CallName,
  around: (call: Call, args: unknown[]) => unknown,
): () => void {
  const target = module as Module & Partial<Record<CallName, Call>>;
  const method = target[name];
  if (typeof method !== 'function') return () => {};
  const before = Object.getOwnPropertyDescriptor(module, name);
  const call = method.bind(module);
  // not enumerable: walks over the module's properties do not see it
  Object.defineProperty(module, name, {
    configurable: true,
    writable: true,
    value: (...args: unknown[]) => around(call, args),
  });
  return () => {
    if (before) Object.defineProperty(module, name, before);
    else delete target[name];
  };
}
