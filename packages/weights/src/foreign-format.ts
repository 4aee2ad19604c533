import { standInOf, WeightsError } from '@diptych/core';

const CONVERT_PYTORCH =
  'convert it once in Python: `from safetensors.torch import save_file; ' +
  "save_file({k: v.contiguous() for k, v in torch.load(path, weights_only=True).items()}, 'model.safetensors')`" +
  '; only do so with files that you trust';

interface ForeignFormat {
  readonly name: string;
  readonly extensions: readonly string[];
  /** First bytes of such a file; formats without a signature have none. */
  readonly magic: readonly (readonly number[])[];
  readonly remedy: string;
}

/** Weight files that people try first. Pickles can run code when they are read, so none is ever opened. */
const FOREIGN_FORMATS: readonly ForeignFormat[] = [
  {
    name: 'a PyTorch pickle',
    extensions: ['.bin', '.pt', '.pth', '.pkl', '.ckpt'],
    // A zip archive (torch >= 1.6), pickle protocols 2 to 5.
    magic: [
      [0x50, 0x4b, 0x03, 0x04],
      [0x80, 0x02],
      [0x80, 0x03],
      [0x80, 0x04],
      [0x80, 0x05],
    ],
    remedy: CONVERT_PYTORCH,
  },
  {
    name: 'a Keras/TensorFlow HDF5 file',
    extensions: ['.h5', '.hdf5', '.keras'],
    magic: [[0x89, 0x48, 0x44, 0x46]],
    remedy: 'load it in Python and save the tensors with safetensors.numpy.save_file',
  },
  {
    name: 'a GGUF file',
    extensions: ['.gguf'],
    magic: [[0x47, 0x47, 0x55, 0x46]],
    remedy: 'use the original safetensors checkpoint that it was made from',
  },
  {
    name: 'a Flax msgpack file',
    extensions: ['.msgpack'],
    magic: [],
    remedy: 'load it in Python and save the tensors with safetensors.flax.save_file',
  },
  {
    name: 'an ONNX graph',
    extensions: ['.onnx'],
    magic: [],
    remedy: 'use the safetensors checkpoint that it was exported from',
  },
];

/** The error for a file that is of another format by its name or first bytes; undefined for everything else. */
export function describeForeignFormat(path: string, start?: Uint8Array): WeightsError | undefined {
  const standIn = start && standInOf(new TextDecoder().decode(start.subarray(0, 64)));
  if (standIn) {
    return new WeightsError({
      where: path,
      expected: 'a safetensors file',
      got: standIn.name,
      remedy: standIn.remedy,
    });
  }
  const extension = /\.[^./\\]+$/.exec(path)?.[0].toLowerCase();
  const format = FOREIGN_FORMATS.find(
    ({ extensions, magic }) =>
      (extension !== undefined && extensions.includes(extension)) ||
      (start !== undefined && magic.some((bytes) => bytes.every((byte, i) => start[i] === byte))),
  );
  if (!format) return undefined;
  return new WeightsError({
    where: path,
    expected: 'a safetensors file',
    got: format.name,
    remedy: format.remedy,
  });
}
