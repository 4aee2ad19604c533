/** Where a parameter stands in its tower. */
export interface LayerDepth {
  /** 0 for what comes before the first numbered layer (stem, embeddings). */
  readonly depth: number;
  /** Depth of what comes after the last one (head, projection). */
  readonly deepest: number;
}

/**
 * Depths of a tower's parameters from their names alone: each run of names inside one numbered layer (`layer1.0`,
 * `encoder.layer.3`) is one step deeper; names before and after the numbered layers are the first and last step.
 *
 * @param names of one tower's parameters, in the order of the model
 */
export function layerDepths(names: readonly string[]): Map<string, LayerDepth> {
  const depths: number[] = [];
  let previous = '';
  let depth = 0;
  for (const name of names) {
    const layer = layerOf(name);
    if (layer !== previous) depth++;
    previous = layer;
    depths.push(depth);
  }
  const deepest = depths.at(-1) ?? 0;
  return new Map(names.map((name, i) => [name, { depth: depths[i]!, deepest }]));
}

/** The path up to the first number: `text.encoder.layer.3`; empty outside numbered layers. */
function layerOf(name: string): string {
  return /^.*?\.\d+(?=\.)/.exec(name)?.[0] ?? '';
}
