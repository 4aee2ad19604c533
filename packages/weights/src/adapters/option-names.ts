import type { Json, JsonObject } from '@diptych/core';

/** Where a kind's options stand under other names in files of before, and a value is another as well. */
interface OptionNames {
  readonly [before: string]: string | ((value: Json, options: JsonObject) => JsonObject);
}

const TOWER: OptionNames = { depth: 'numLayers', contextLength: 'maxPositions', projectionSize: 'projectionDim' };
const FUSION: OptionNames = { hiddenDim: 'intermediateSize' };

/** By kind; of the options and, where there is one, of the configuration in `architecture`. */
const NAMES: Readonly<Record<string, OptionNames>> = {
  'fusion/bottleneck': FUSION,
  'fusion/co-attention': FUSION,
  'fusion/concat-mlp': FUSION,
  'text/bert': {
    numHiddenLayers: 'numLayers',
    numAttentionHeads: 'numHeads',
    maxPositionEmbeddings: 'maxPositions',
    hiddenAct: 'activation',
    hiddenDropoutProb: 'dropout',
    attentionProbsDropoutProb: 'attentionDropout',
  },
  'text/clip': TOWER,
  'text/siglip': TOWER,
  'text/small-transformer': TOWER,
  'vision/clip': TOWER,
  'vision/siglip': TOWER,
  'vision/vit': {
    depth: 'numLayers',
    mlpRatio: (ratio, { hiddenSize }) => ({ intermediateSize: Math.round(Number(ratio) * Number(hiddenSize)) }),
  },
};

/**
 * A part's description as this version writes it: files of before the vocabulary was one (model folders and checkpoints of
 * format 1, and of format 2 before its release) hold other names of options. Descriptions inside are translated too; what
 * has today's names stays as it is.
 */
export function withCurrentOptions<Description>(description: Description): Description {
  return translate(description as Json, undefined) as Description; // of the same shape
}

function translate(value: Json | undefined, names: OptionNames | undefined): Json | undefined {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => translate(item, undefined)!);
  if (!isObject(value)) return value;
  if (typeof value.kind === 'string' && isObject(value.options)) {
    const of = Object.hasOwn(NAMES, value.kind) ? NAMES[value.kind] : undefined;
    return { ...value, options: translate(value.options, of) };
  }
  const entries = Object.entries(value).flatMap(([name, item]): [string, Json | undefined][] => {
    const now = names && Object.hasOwn(names, name) && item !== undefined ? names[name]! : name;
    if (typeof now === 'function') return Object.entries(now(item!, value));
    return [[now, translate(item, name === 'architecture' ? names : undefined)]];
  });
  return Object.fromEntries(entries);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
