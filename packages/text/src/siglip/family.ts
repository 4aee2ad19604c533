import { fromArchitecture } from '@diptych/nn';
import type { TextFamily } from '../text-family.js';
import { SiglipText } from './siglip-text.js';

export const siglipFamily: TextFamily = {
  kinds: { 'text/siglip': fromArchitecture(SiglipText) },
  modelTypes: ['siglip', 'siglip_text_model', 'siglip2', 'siglip2_text_model'],
  fromPretrained: (model, options) => SiglipText.fromPretrained(model, options),
};
