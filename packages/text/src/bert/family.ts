import { fromArchitecture } from '@diptych/nn';
import type { TextFamily } from '../text-family.js';
import { Bert } from './bert.js';
import { BERT_MODEL_TYPES } from './bert-hub-config.js';

export const bertFamily: TextFamily = {
  kinds: { 'text/bert': fromArchitecture(Bert) },
  modelTypes: BERT_MODEL_TYPES,
  fromPretrained: (model, options) => Bert.fromPretrained(model, options),
};
