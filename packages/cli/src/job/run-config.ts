import type { JsonObject } from '@diptych/core';
import type { TrainPlan } from '../config/train-plan.js';
import type { Method } from './method.js';

/** What makes two runs the same run; kept in the folder. */
export function runConfig({ split, seed, data, quick }: TrainPlan, { recipe, steps }: Method): JsonObject {
  return { data: data.name, split, seed, steps, quick, recipe };
}
