/**
 * What diptych asks of tfjs-core beside its documented interface and types. Apart from the package's main entry, which loads no
 * tfjs. `internals.ts` reads the state of the engine of tfjs-core 4.22.0; its test is the contract that another version has to meet.
 */
export { isTaping, keepingTape, registeredVariables } from './internals.js';
export { disposeNested, tensorsIn, tidyNested } from './nested.js';
export { type WithGradient, withGradient } from './with-gradient.js';
