import type { Scalar, Tensor } from '@tensorflow/tfjs-core';

/** What every optimizer has; a schedule moves the rate, groups have rates and decays of their own. */
export interface Rates {
  /** Rate at full schedule. */
  readonly learningRate: number;
  readonly weightDecay: number;
}

/** What an update gets of one parameter. */
export interface UpdateInput<Settings, State extends string> {
  readonly parameter: Tensor;
  /** Of the parameter's shape; clipped already. */
  readonly gradient: Tensor;
  /** As the last update left it; zeros before the first. */
  readonly state: Readonly<Record<State, Tensor>>;
  /** The parameter's settings: rate and decay as scalars, since they change from step to step; all others as they were given. */
  readonly hyper: Readonly<Omit<Settings, keyof Rates>> & { readonly [Rate in keyof Rates]: Scalar };
  /** Updates that this parameter has had, with this one: from 1. */
  readonly step: Scalar;
}

/** What an update gives back: new values, of the shapes they had. */
export interface UpdateOutput<State extends string> {
  readonly parameter: Tensor;
  readonly state: { readonly [Name in State]?: Tensor };
}

/** An optimizer as one pure function of a parameter, its gradient and its state, in plain tfjs operations. */
export interface UpdateRule<Settings extends Rates, State extends string> {
  /** For errors. */
  readonly name: string;
  /** The registered kind, `my/sign-sgd`, by which a description builds it again. Default: `name`, which nothing builds. */
  readonly kind?: string;
  /** Every setting with its default. */
  readonly defaults: Settings;
  /** Names of the state, tensors of the parameter's shape each; or the shapes of all, from the parameter's. */
  readonly state:
    | readonly State[]
    | ((shape: readonly number[], settings: Settings) => { readonly [Name in State]?: readonly number[] });
  /** What is wrong with these settings, if something is: `'momentum in [0, 1)'`. Rate and decay are checked already. */
  check?(settings: Settings): string | undefined;
  update(input: UpdateInput<Settings, State>): UpdateOutput<State>;
}
