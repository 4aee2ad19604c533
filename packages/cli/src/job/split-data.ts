import type { Quarantine } from '@diptych/data';
import type { TrainPlan } from '../config/train-plan.js';
import { splitPairs } from '../data/split.js';
import { batchSizeFor } from './batch-size.js';
import type { Method, SplitData } from './method.js';

/**
 * Reads a plan's pairs and holds some out.
 *
 * @param bad gets what cannot be used
 * @throws TrainingError for too few pairs
 */
export async function splitData(
  { data, split, seed }: TrainPlan,
  { transform, batchSize: largest }: Method,
  bad: Quarantine,
): Promise<SplitData> {
  const pairs = await data.read(transform, bad.reject);
  const { train, heldOut } = splitPairs(pairs, split, seed);
  const options = { largest, where: data.name, notUsable: String(bad), warn: console.warn };
  return { pairs, train, heldOut, batchSize: batchSizeFor(train, heldOut, options) };
}
