import { type Architectures, describeArchitecture, type OptionNames, type PartDescription } from '@diptych/core';
import { BlankGenerator, generatorOf, Linear, type RandomWeights } from '@diptych/nn';
import {
  checkPretrained,
  loadPretrained,
  openSource,
  type PretrainedFamily,
  type PretrainedOptions,
  type WeightSource,
} from '@diptych/weights';
import { checkDropPathRate } from './encoder-options.js';
import { ImageNetwork } from './image-network.js';

/** Options of the networks of mobile blocks. */
export interface MobileNetworkOptions extends RandomWeights {
  /** Width of the result: adds `classifier`, a linear layer from the head's width. Without it there is none. */
  readonly embedDim?: number;
  /** Stochastic depth in training: probability of leaving out the last block, rising from 0. Default 0. */
  readonly dropPathRate?: number;
}

/** Options of their `fromPretrained`. */
export type PretrainedMobileOptions = PretrainedOptions & RandomWeights & Pick<MobileNetworkOptions, 'dropPathRate'>;

const OPTIONS: OptionNames<MobileNetworkOptions> = {
  embedDim: 'optional',
  dropPathRate: 'optional',
  seed: 'optional',
  generator: 'optional',
};

/** What EfficientNet and MobileNetV3 share beside their blocks: options, description, and how a checkpoint is loaded. */
export abstract class MobileNetwork<
  Name extends string,
  Config extends { readonly inChannels?: number },
> extends ImageNetwork<Name, Config> {
  abstract readonly classifier: Linear | undefined;
  readonly dropPathRate: number;

  /**
   * @throws ConfigError for an unknown name of an architecture, an option, or a part of a configuration, or a number that does not fit
   */
  constructor(
    architecture: Name | Config,
    architectures: Architectures<Name, Config>,
    options: MobileNetworkOptions,
    readonly kind: string,
  ) {
    super(architecture, architectures, options, OPTIONS);
    const { dropPathRate = 0 } = options;
    checkDropPathRate(this.where, dropPathRate);
    this.dropPathRate = dropPathRate;
  }

  override describe(): PartDescription {
    const { dropPathRate } = this;
    return {
      kind: this.kind,
      options: {
        architecture: describeArchitecture(this.architecture),
        embedDim: this.classifier ? this.embedDim : undefined,
        dropPathRate: dropPathRate > 0 ? dropPathRate : undefined,
      },
    };
  }
}

/** Of which network a checkpoint is, and how one is built. */
interface MobileFamily<Model, Architecture> {
  readonly where: string;
  readonly read: PretrainedFamily<never, Architecture>['read'];
  readonly build: (architecture: Architecture, options: MobileNetworkOptions) => Model;
}

/** The body of their `fromPretrained`. */
export async function loadMobileNetwork<Model extends MobileNetwork<string, object>, Architecture>(
  model: string | WeightSource,
  options: PretrainedMobileOptions,
  { where, read, build }: MobileFamily<Model, Architecture>,
): Promise<Model> {
  checkPretrained(where, options, ['dropPathRate']);
  const { embedDim, dropPathRate } = options;
  return loadPretrained(openSource(model, options.hub), options, {
    read,
    build: (architecture: Architecture) =>
      build(architecture, { embedDim, dropPathRate, generator: new BlankGenerator() }),
    head: ({ classifier, embedDim: width, kind }) =>
      classifier && {
        name: 'classifier',
        layer: classifier,
        make: () => new Linear(classifier.inFeatures, width, { generator: generatorOf(options, `${kind}/head`) }),
      },
    headTensors: /^classifier\.(weight|bias)$/,
  });
}
