import { ConfigError, type Stateful } from '@diptych/core';
import { BatchNorm2d, choose, Module, matchesPattern, type ParameterPattern } from '@diptych/nn';
import type { Variable } from '@tensorflow/tfjs-core';

/** Some parameters that do not train for a while. */
export interface FreezeRule {
  /** Which parameters: a tower (`text`), a path, see nn's {@link ParameterPattern}. */
  readonly match: ParameterPattern;
  /** First frozen step (from 0); default 0. */
  readonly fromStep?: number;
  /** First step that trains again; default never. */
  readonly untilStep?: number;
}

/**
 * Freezes and thaws parameters by step. Batch norm inside frozen parts keeps its running statistics. Parameters that no
 * rule names are left as they are.
 */
export class FreezeSchedule {
  readonly #rules: readonly FreezeRule[];
  readonly #parameters: readonly (readonly [string, Variable])[];
  readonly #norms: readonly (readonly [string, BatchNorm2d])[];
  #last = '';

  /** @throws ConfigError if a rule matches no parameter, or ends before it begins */
  constructor(rules: readonly FreezeRule[], model: Stateful, parameters: readonly (readonly [string, Variable])[]) {
    for (const { match, fromStep = 0, untilStep = Number.POSITIVE_INFINITY } of rules) {
      choose('train.Trainer: freeze', "model's parameters", parameters, match);
      if (!(fromStep < untilStep)) {
        throw new ConfigError({
          where: 'train.Trainer: freeze',
          expected: 'fromStep before untilStep',
          got: `${fromStep} and ${untilStep}`,
        });
      }
    }
    this.#rules = rules;
    this.#parameters = parameters.filter(([name]) => rules.some(({ match }) => matchesPattern(name, match)));
    this.#norms = model instanceof Module ? [...batchNorms(model)] : [];
  }

  /** Sets what trains in this step. Returns true if that changed. */
  apply(step: number): boolean {
    const active = this.#rules.map(
      ({ fromStep = 0, untilStep = Number.POSITIVE_INFINITY }) => fromStep <= step && step < untilStep,
    );
    const key = active.join();
    if (key === this.#last) return false;
    this.#last = key;
    const frozen = (name: string) => this.#rules.some(({ match }, i) => active[i] && matchesPattern(name, match));
    for (const [name, variable] of this.#parameters) variable.trainable = !frozen(name);
    for (const [name, norm] of this.#norms) {
      if (this.#rules.some(({ match }) => matchesPattern(`${name}.weight`, match)))
        norm.frozen = frozen(`${name}.weight`);
    }
    return true;
  }
}

function* batchNorms(model: Module): Iterable<[string, BatchNorm2d]> {
  for (const [name, module] of model.namedModules()) if (module instanceof BatchNorm2d) yield [name, module];
}
