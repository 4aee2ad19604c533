import { ConfigError, checkOptions, type OptionNames } from '@diptych/core';
import { choose, matchesPattern, type ParameterPattern } from '@diptych/nn';
import type { Variable } from '@tensorflow/tfjs-core';
import { towerOf } from '../tower-of.js';
import { layerDepths } from './layer-depths.js';
import type { Rates } from './update-rule.js';

/** What a group of parameters may have of its own: any setting of the optimizer. */
export type ParameterGroup<Settings extends Rates = Rates> = Partial<Settings> & {
  /**
   * Factor on the rate for each layer further from the output (0.8): early layers of a pretrained tower then move less (Howard
   * and Ruder 2018; Clark et al. 2020). Default 1.
   */
  readonly layerDecay?: number;
};

/** Options of an optimizer: its settings, and which parameters have others. */
export type OptimizerOptions<Settings extends Rates = Rates> = ParameterGroup<Settings> & {
  /**
   * What weight decay shrinks: `matrices` spares tensors of fewer than two dimensions, that is biases, norms and the
   * logit scale; `all` is torch's default. Default `matrices`.
   */
  readonly decayOn?: 'matrices' | 'all';
  /**
   * Settings of some parameters, by tower or path (nn's {@link ParameterPattern}): `{ text: { learningRate: 1e-5 },
   * 'text.embeddings': { learningRate: 0 } }`, or a list with regular expressions. Where several match, later ones overrule, setting by setting.
   */
  readonly groups?:
    | Readonly<Record<string, ParameterGroup<Settings>>>
    | readonly (ParameterGroup<Settings> & { readonly match: ParameterPattern })[];
};

/** Settings of each parameter, in order, with the rate's decay by layer worked in. */
export function settingsOf<Settings extends Rates>(
  name: string,
  defaults: Settings,
  options: OptimizerOptions<Settings>,
  parameters: readonly (readonly [string, Variable])[],
): Settings[] {
  const { groups: _, decayOn = 'matrices', ...own } = options;
  const groups = listGroups(options);
  for (const { match } of groups) choose(`train.${name}.groups`, "model's parameters", parameters, match);
  const names = parameters.map(([parameter]) => parameter);
  const depths = new Map(
    [...new Set(names.map(towerOf))].flatMap((tower) => [
      ...layerDepths(names.filter((parameter) => towerOf(parameter) === tower)),
    ]),
  );
  return parameters.map(([parameter, variable]) => {
    const chosen = groups.filter(({ match }) => matchesPattern(parameter, match)).map(({ settings }) => settings);
    const { layerDecay, ...settings } = Object.assign(
      { ...defaults, layerDecay: 1 },
      defined(own),
      ...chosen.map(defined),
    );
    const { depth, deepest } = depths.get(parameter)!;
    return {
      ...settings,
      learningRate: settings.learningRate * layerDecay ** (deepest - depth),
      weightDecay: decayOn === 'matrices' && variable.rank < 2 ? 0 : settings.weightDecay,
    };
  });
}

/**
 * Checks settings before there are parameters.
 *
 * @param check says what is wrong with complete settings, if something is
 * @throws ConfigError for an option that the optimizer does not have, or that is out of range
 */
export function checkSettings<Settings extends Rates>(
  name: string,
  defaults: Settings,
  options: OptimizerOptions<Settings>,
  check: ((settings: Settings) => string | undefined) | undefined,
): void {
  const where = `train.${name}`;
  const ofGroup = optional<ParameterGroup<Settings>>([...Object.keys(defaults), 'layerDecay']);
  checkOptions(where, options, { ...ofGroup, decayOn: 'optional', groups: 'optional' } as OptionNames<typeof options>);
  const { groups, decayOn, ...own } = options;
  if (decayOn !== undefined && decayOn !== 'matrices' && decayOn !== 'all') {
    throw new ConfigError({ where, expected: "decayOn to be 'matrices' or 'all'", got: String(decayOn) });
  }
  if (groups !== undefined && (typeof groups !== 'object' || groups === null)) {
    throw new ConfigError({
      where: `${where}: groups`,
      expected: 'settings by tower or path, or a list of { match, … }',
      got: String(groups),
      remedy: 'groups: { text: { learningRate: 1e-5 } }',
    });
  }
  const listed = listGroups(options);
  for (const { match, settings } of listed) checkOptions(`${where}: groups: ${match}`, settings, ofGroup);
  for (const given of [{}, ...listed.map(({ settings }) => settings)]) {
    const settings: Settings & { layerDecay?: number } = { ...defaults, ...defined(own), ...defined(given) };
    const wrong = wrongRates(settings) ?? check?.(settings);
    if (wrong) throw new ConfigError({ where, expected: wrong, got: JSON.stringify(settings) });
  }
}

function optional<Options>(names: readonly string[]): OptionNames<Options> {
  return Object.fromEntries(names.map((name) => [name, 'optional'])) as OptionNames<Options>;
}

function wrongRates({ learningRate, weightDecay, layerDecay = 1 }: Rates & { layerDecay?: number }) {
  if (!(learningRate >= 0 && Number.isFinite(learningRate))) return 'learningRate of at least 0';
  if (!(weightDecay >= 0 && Number.isFinite(weightDecay))) return 'weightDecay of at least 0';
  return layerDecay > 0 && layerDecay <= 1 ? undefined : 'layerDecay in (0, 1]';
}

function listGroups<Settings extends Rates>({ groups = [] }: OptimizerOptions<Settings>) {
  const isList = (given: typeof groups): given is Extract<typeof groups, readonly unknown[]> => Array.isArray(given);
  if (!isList(groups)) return Object.entries(groups).map(([match, settings]) => ({ match, settings }));
  return groups.map(({ match, ...settings }) => ({ match, settings: settings as ParameterGroup<Settings> }));
}

/** The settings that are given, so that absent ones overrule nothing. */
function defined<Settings extends object>(settings: Settings): Settings {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Settings;
}
