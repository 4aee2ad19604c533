import { adamWInPlace } from '../adamw/in-place.js';
import type { InPlaceKernel } from './in-place-kernel.js';

/** The kernels that update variables where they lie, by operation. */
export const IN_PLACE_KERNELS: Readonly<Record<string, InPlaceKernel>> = { AdamW: adamWInPlace };
