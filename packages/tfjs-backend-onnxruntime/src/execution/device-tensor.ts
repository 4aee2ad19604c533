import type { DeviceData, NumericData, TensorData } from '@diptych/graph';
import type { DeviceCopies, OrtValue } from '../ort/index.js';

/** A tensor in the memory of a device: what one session left there for the next. */
export class DeviceTensor implements DeviceData {
  constructor(
    readonly value: OrtValue,
    private readonly copies: DeviceCopies,
  ) {}

  read(): TensorData {
    return this.copies.download(this.value) as NumericData;
  }

  dispose(): void {
    this.value.dispose();
  }
}

/** What a session reads or leaves: elements in memory, or on a device. */
export type Datum = TensorData | DeviceTensor;

/** The elements in memory, copied from the device where they are on one. */
export function inMemory(datum: Datum): TensorData {
  return datum instanceof DeviceTensor ? datum.read() : datum;
}
