import { fromArchitecture } from '@diptych/nn';
import type { TextFamily } from '../text-family.js';
import { ClipText } from './clip-text.js';

export const clipFamily: TextFamily = {
  kinds: { 'text/clip': fromArchitecture(ClipText) },
  modelTypes: ['clip', 'clip_text_model'],
  fromPretrained: (model, options) => ClipText.fromPretrained(model, options),
};
