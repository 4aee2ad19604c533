import { ConfigError } from '@diptych/core';
import { HeadedTower } from '@diptych/train';
import { stateDict, type TensorData } from '@diptych/weights';
import { type LinearMap, linearOf } from './linear-map.js';

/** A model's tensors by name. */
export type Tensors = Map<string, TensorData>;

/** A tower as its library knows it, and the head that was trained on it. */
export interface BareTower<Tower> {
  readonly tower: Tower;
  readonly tensors: Tensors;
  readonly head: LinearMap | undefined;
}

/** Takes a tower and the head on it apart. */
export async function bareTower(side: 'image' | 'text', part: unknown): Promise<BareTower<object>> {
  if (part instanceof HeadedTower) {
    const head = linearOf(await stateDict(part.head).then(prefixed('head')), 'head')!;
    return { ...(await bareTower(side, part.tower)), head };
  }
  return { tower: part as object, tensors: await stateDict(part as never), head: undefined };
}

const prefixed =
  (prefix: string) =>
  (tensors: Tensors): Tensors =>
    new Map([...tensors].map(([name, tensor]) => [`${prefix}.${name}`, tensor]));

/** Without some names, and with a prefix before the others. */
export function renamed(tensors: Tensors, prefix: string, leaveOut: readonly string[] = []): Tensors {
  const kept = [...tensors].filter(([name]) => !leaveOut.some((one) => name.startsWith(`${one}.`)));
  return new Map(kept.map(([name, tensor]) => [prefix + name, tensor]));
}

/** The error for a part that no Python library has. */
export function notStandard(side: 'image' | 'text', tower: object, why: string): ConfigError {
  return new ConfigError({
    where: `diptych.exportHf: ${side}`,
    expected: 'a tower that timm, transformers or sentence-transformers have too',
    got: `${tower.constructor.name}: ${why}`,
    remedy:
      "publish diptych's own folder, which load() opens by its address, or model.exportOnnx(folder) for other languages",
  });
}
