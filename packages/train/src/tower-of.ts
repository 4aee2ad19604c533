import { checkText } from '@diptych/core';

/**
 * The tower of a parameter: the first step of its name. `image`, `text`, `fusion`, `matcher` of a `MultiModalEncoder`, `logit_scale`
 * and `logit_bias` for themselves, `loss` for parameters of the loss; a model of your own has towers by its own names.
 */
export function towerOf(name: string): string {
  checkText('train.towerOf', 'the name of a parameter', name);
  return name.split('.', 1)[0]!;
}

/** True for a parameter or part that is one of these parts, or stands below one: `heads.group.linear.weight` below `heads` and `heads.group`. */
export function isUnder(parts: readonly string[], name: string): boolean {
  return parts.some((part) => name === part || name.startsWith(`${part}.`));
}
