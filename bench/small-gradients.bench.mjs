// Gradients of the small step, all parameters, batch 8 at 224 px and 64 tokens.
import { gradientsBench } from './lib/gradients.mjs';

export default gradientsBench({ size: 'small', name: 'small_gradients' });
