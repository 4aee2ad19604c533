import { type DeviceDescription, describe } from './device.js';
import type { Api } from './native/api.js';
import { collectWith, DISPOSED, Handle } from './native/handle.js';
import { pointersAt } from './native/memory.js';

/** Devices that are described and need not be there, to compile for. */
export class Topology {
  readonly platform: string;
  readonly platformVersion: string;
  readonly devices: readonly DeviceDescription[];
  readonly #handle: Handle;

  /** @internal */
  constructor(api: Api, pointer: bigint) {
    const slot = 'TopologyDescription_Destroy';
    this.#handle = new Handle(api, 'topology', pointer, slot, () => api.args(slot).point('topology', pointer));
    collectWith(this, this.#handle);
    const platform = api.args('TopologyDescription_PlatformName').point('topology', pointer);
    api.call(WHERE, 'TopologyDescription_PlatformName', platform);
    this.platform = platform.text('platform_name', 'platform_name_size');
    const version = api.args('TopologyDescription_PlatformVersion').point('topology', pointer);
    api.call(WHERE, 'TopologyDescription_PlatformVersion', version);
    this.platformVersion = version.text('platform_version', 'platform_version_size');
    const listed = api.args('TopologyDescription_GetDeviceDescriptions').point('topology', pointer);
    api.call(WHERE, 'TopologyDescription_GetDeviceDescriptions', listed);
    const pointers = pointersAt(listed.pointer('descriptions'), listed.number('num_descriptions'));
    this.devices = pointers.map((one) => describe(api, one));
  }

  /** @internal What C calls it by. */
  pointer(where: string): bigint {
    return this.#handle.pointer(where);
  }

  /** Frees it. Disposing twice does nothing. */
  dispose(): void {
    this.#handle.end(DISPOSED);
  }
}

const WHERE = 'pjrt.Topology';
