import { type Stateful, WeightsError } from '@diptych/core';
import type { NameAdapter } from './adapter.js';
import { type OpenCheckpointOptions, type OpenedCheckpoint, openCheckpoint } from './open-checkpoint.js';
import { type FreshLayer, fillModel, ignoring, type Pretrained, type PretrainedOptions } from './pretrained.js';
import type { TensorCollection } from './tensor-collection.js';
import type { WeightSource } from './weight-source.js';

/** What one family says of its checkpoints, for {@link loadPretrained}. */
export interface PretrainedFamily<Model extends Stateful, Architecture>
  extends Pick<OpenCheckpointOptions, 'modelType'> {
  /**
   * Which network a checkpoint is for, and how its names become the model's.
   *
   * @throws ConfigError for a checkpoint of another family
   */
  readonly read: (opened: OpenedCheckpoint) => { readonly architecture: Architecture; readonly adapter: NameAdapter };
  /** The network, without drawing weights (nn's `BlankGenerator`). */
  readonly build: (architecture: Architecture) => Model;
  /** The adapter, where it depends on how the network was built. */
  readonly adapt?: (adapter: NameAdapter, model: Model) => NameAdapter;
  /** The layer that starts anew where the checkpoint has none of its width; undefined where the network has no such layer. */
  readonly head?: (model: Model) => FreshLayer | undefined;
  /** The checkpoint's tensors of a head, which are passed over where the network has none. */
  readonly headTensors?: RegExp;
  /** Fits tensors to the model: positions for another size of pictures. */
  readonly prepare?: (tensors: TensorCollection, model: Model, adapter: NameAdapter) => TensorCollection;
  /** What belongs to the weights beside the report; default: the transform of the pictures. */
  readonly about?: (model: Model, opened: OpenedCheckpoint, architecture: Architecture) => Omit<Pretrained, 'report'>;
}

/**
 * The steps of every `fromPretrained`: opens a checkpoint, reads which network it is for, builds that, copies the weights, and notes on
 * the model what was loaded.
 *
 * @param source what `openSource` gives
 * @throws WeightsError, HubError if the checkpoint is missing, damaged or does not fit; ConfigError for another family
 */
export async function loadPretrained<Model extends Stateful, Architecture>(
  source: WeightSource,
  { file, strict }: PretrainedOptions,
  family: PretrainedFamily<Model, Architecture>,
): Promise<Model> {
  const opened = await openCheckpoint(source, { file, modelType: family.modelType });
  const { architecture, adapter } = family.read(opened);
  if (opened.config.has('quantization_config')) throw quantised(opened);
  const tensors = await opened.tensors();
  const made = family.build(architecture);
  const adapted = family.adapt?.(adapter, made) ?? adapter;
  const head = family.head?.(made);
  const report = fillModel(made, tensors, {
    config: opened.config,
    strict,
    adapter: head || !family.headTensors ? adapted : ignoring(adapted, family.headTensors),
    fresh: head && [head],
    prepare: (stored) => family.prepare?.(stored, made, adapted) ?? stored,
  });
  const about = family.about?.(made, opened, architecture) ?? { transform: opened.transform };
  return Object.assign(made, { ...about, report });
}

function quantised({ config }: OpenedCheckpoint): WeightsError {
  return new WeightsError({
    where: config.where,
    expected: 'weights as numbers',
    got: 'a quantization_config: weights in few bits and tables for them',
    remedy:
      'take the model before it was quantised, or save it whole in Python: `model.dequantize().save_pretrained(folder)`',
  });
}
