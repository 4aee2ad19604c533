import { checkText } from '@diptych/core';
import { registerKernels } from '@diptych/graph/engine';
import { findPlugins } from '@diptych/pjrt';
import * as tf from '@tensorflow/tfjs-core';
import { XlaBackend } from './backend.js';
import type { XlaOptions } from './options.js';

/** The name under which the backend is registered. */
export const BACKEND_NAME = 'xla';

/** Below tfjs-backend-cpu (1): whoever wants it says so. */
const PRIORITY = 0;

/**
 * Registers the backend with options of your own, and selects it. Importing the package registers it with defaults;
 * this replaces that registration.
 *
 * @throws ConfigError for options that are unknown or mean nothing
 * @throws EngineError where the machine has no plugin of XLA (`npx diptych-pjrt install cpu`, or `cuda13`)
 * @throws PjrtError where the plugin finds no device
 */
export function useXla(options: XlaOptions = {}, name = BACKEND_NAME): XlaBackend {
  checkText('useXla', 'the name', name);
  // before another one of the name goes: it may refuse its options
  const backend = new XlaBackend(options);
  registerKernels(name);
  if (tf.findBackendFactory(name)) tf.removeBackend(name);
  tf.registerBackend(name, () => backend, PRIORITY);
  tf.setBackend(name);
  return backend;
}

/** Registers the backend under its name, if this machine has a plugin and nobody registered it before. */
export function registerDefault(): void {
  if (tf.findBackendFactory(BACKEND_NAME) || findPlugins().length === 0) return;
  registerKernels(BACKEND_NAME);
  tf.registerBackend(BACKEND_NAME, () => new XlaBackend(), PRIORITY);
}
