import type { TensorData, Value } from '@diptych/graph';
import type { Trace } from '@diptych/graph/engine';

/** A trace with the values that its leaves had. */
export type RecordedStep = Trace & { dataOf(leaf: Value): TensorData };

export function record(options: { name: string; batch: number; tiny?: boolean }): Promise<RecordedStep>;
