import type { Json, JsonObject, Loss, Optimizer, Stateful, TowerOutputs } from '@diptych/core';
import * as tf from '@tensorflow/tfjs-core';

/** What a resumed run may have otherwise than the run that was saved; kept in each snapshot. */
export type RunSettings = JsonObject;

/** Something that is otherwise since the checkpoint, and allowed to be. */
export type SettingChange = {
  /** `learningRates.text`, `backend`, `loss.options.terms.0.weight`. */
  readonly what: string;
  readonly before: Json | undefined;
  readonly now: Json | undefined;
};

/** What {@link describeRun} looks at. */
export interface RunParts<Outputs extends TowerOutputs> {
  readonly model: Stateful;
  readonly loss: Loss<Outputs>;
  readonly optimizer: Optimizer;
  /** Factor on the rates in the step that comes next. */
  readonly factor: number;
  readonly clipNorm: number | undefined;
  readonly chunkSize: number | undefined;
  readonly emaDecay: number | undefined;
  readonly freeze: Json;
}

/** The settings of a run as plain JSON. */
export function describeRun<Outputs extends TowerOutputs>(parts: RunParts<Outputs>): RunSettings {
  const { model, loss, optimizer, factor, clipNorm, chunkSize, emaDecay, freeze } = parts;
  return plain({
    loss: describeByFields(loss),
    optimizer: describeBy(optimizer) ?? { kind: kindOf(optimizer) },
    learningRates: Object.fromEntries(
      Object.entries(optimizer.learningRates()).map(([group, rate]) => [group, rate * factor]),
    ),
    model: describeBy(model),
    clipNorm,
    chunkSize,
    emaDecay,
    freeze,
    backend: tf.getBackend(),
    machine: machine(),
  }) as RunSettings;
}

/**
 * What is otherwise in the settings of a run and of the one that goes on with it. Rates are compared by tower, as the schedule has them at
 * that step; of an optimizer that was saved by its class alone nothing else is known.
 */
export function changedSettings(before: RunSettings, now: RunSettings, optimizer: Optimizer): SettingChange[] {
  const known = isObject(before.optimizer) && 'options' in before.optimizer;
  const compared = known ? now : { ...now, optimizer: { kind: kindOf(optimizer) } };
  return settingChanges(before, compared).filter(({ what }) => !/^optimizer\..*learningRate$/.test(what));
}

/** Every leaf of two settings that differs. */
export function settingChanges(before: Json | undefined, now: Json | undefined, what = ''): SettingChange[] {
  if (isObject(before) && isObject(now)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(now)])];
    const entry = (of: object, key: string) => (of as Readonly<Record<string, Json | undefined>>)[key];
    return keys.flatMap((key) =>
      settingChanges(entry(before, key), entry(now, key), what === '' ? key : `${what}.${key}`),
    );
  }
  return before === now ? [] : [{ what, before, now }];
}

/** One line for a person: `learningRates.text 0.001, was 0.01`. */
export function formatChange({ what, before, now }: SettingChange): string {
  return `${what} ${show(now)}, was ${show(before)}`;
}

function show(value: Json | undefined): string {
  return value === undefined ? 'none' : typeof value === 'string' ? value : JSON.stringify(value);
}

function isObject(value: Json | undefined): value is JsonObject | readonly Json[] {
  return typeof value === 'object' && value !== null;
}

/** Kinds, and the public fields that JSON can hold, inside out: losses are small objects of numbers and further losses. */
function describeByFields(part: object): Json {
  const described = (part as Partial<Stateful>).describe && describeBy(part as Stateful);
  if (described) return described;
  const options = Object.entries(part).map(([key, value]) => [key, fieldValue(value)]);
  return { kind: kindOf(part), options: Object.fromEntries(options) };
}

function fieldValue(value: unknown): Json | undefined {
  if (typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean' || value === null) {
    return value;
  }
  if (Array.isArray(value)) return value.map((entry) => fieldValue(entry) ?? null);
  if (typeof value !== 'object' || value === undefined || value instanceof tf.Tensor) return undefined;
  if (Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fieldValue(entry)]));
  }
  return 'compute' in value ? describeByFields(value) : undefined;
}

function describeBy(part: Pick<Stateful, 'describe'>): Json | undefined {
  try {
    const { kind, options } = part.describe?.() ?? {};
    return kind === undefined ? undefined : { kind, options };
  } catch {
    return undefined; // a part that cannot say how it was built can be trained all the same
  }
}

function kindOf(part: object): string {
  return part.constructor === Object ? 'object' : part.constructor.name;
}

/** Where one can see it: system, processor and version of Node. */
function machine(): string | undefined {
  const { process } = globalThis as { process?: { platform?: string; arch?: string; version?: string } };
  return process?.version && `${process.platform} ${process.arch}, Node ${process.version}`;
}

/** What JSON keeps, so that a saved description equals one of the same run. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, entry) => (typeof entry === 'bigint' ? String(entry) : entry)));
}
