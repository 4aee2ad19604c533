import {
  type Architectures,
  type Context,
  checkOptions,
  checkPositive,
  type Encoded,
  type ImageEncoder,
  type ImageInput,
  type OptionNames,
  resolveArchitecture,
} from '@diptych/core';
import { Module } from '@diptych/nn';
import type { Pretrained } from '@diptych/weights';

/** What every encoder with a table of architectures has: a checked architecture and options, and where it came from. */
export abstract class ImageNetwork<Name extends string, Config extends { readonly inChannels?: number }>
  extends Module
  implements ImageEncoder, Pretrained
{
  readonly transform?: Pretrained['transform'];
  readonly report?: Pretrained['report'];
  /** The name that was asked for, or a copy of the configuration. */
  readonly architecture: Name | Config;
  readonly config: Config;
  abstract readonly embedDim: number;
  /** What messages call it. */
  protected readonly where: string;

  /**
   * @param names of the options
   * @param complete the configuration, where options change it
   * @throws ConfigError for an unknown name of an architecture, an option, or a part of a configuration, or a width that is no whole
   *   number above 0
   */
  constructor(
    architecture: Name | Config,
    architectures: Architectures<Name, Config>,
    options: { readonly embedDim?: number },
    names: OptionNames<typeof options>,
    complete = (config: Config) => config,
  ) {
    super();
    checkOptions(architectures.where, options, names);
    const asked = resolveArchitecture(architecture, architectures);
    this.where = asked.where;
    this.architecture = asked.architecture;
    this.config = complete(asked.config);
    checkPositive(this.where, 'inChannels', this.inChannels);
    if (options.embedDim !== undefined) checkPositive(this.where, 'embedDim', options.embedDim);
  }

  /** Colour channels of the pictures. */
  get inChannels(): number {
    return this.config.inChannels ?? 3;
  }

  abstract encode(pixels: ImageInput, context: Context): Encoded;
}
