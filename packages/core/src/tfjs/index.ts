/**
 * What diptych reads of tfjs-core 4.22.0 beside its documented interface: the state of its engine. `internals.test.ts` is the
 * contract that another version has to meet. Apart from the package's main entry, which loads no tfjs.
 */
export { isTaping, keepingTape, registeredVariables } from './internals.js';
