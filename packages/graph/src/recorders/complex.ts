import type { RecorderTable } from '../recorder.js';

/** complex64 is a pair of float32 tensors: making one and taking it apart copies the parts, as tfjs expects. */
export const COMPLEX: RecorderTable = {
  Complex: (b, { real, imag }) => {
    if (real!.dtype !== 'float32' || imag!.dtype !== 'float32') return undefined;
    const part = (x: typeof real) => b.record('Identity', { x: x! }, {}, x!.shape, 'float32');
    return b.complexOf(part(real), part(imag));
  },
  Real: (b, { input }) => {
    const x = b.complexParts(input!).real;
    return b.record('Identity', { x: { ...x, shape: input!.shape } }, {}, input!.shape, 'float32');
  },
  Imag: (b, { input }) => {
    const x = b.complexParts(input!).imag;
    return b.record('Identity', { x: { ...x, shape: input!.shape } }, {}, input!.shape, 'float32');
  },
};
