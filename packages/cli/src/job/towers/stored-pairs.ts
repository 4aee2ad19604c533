import { takeRows } from '@diptych/core';
import { embedPairs, FeatureSet } from '@diptych/train';
import type { Pair } from '../../data/pair.js';
import type { Embedded } from '../method.js';
import { FeatureScale } from './feature-scale.js';
import type { FusedHeads } from './fit-heads.js';

/** Pairs that go through heads at once where nothing trains. */
const BATCH = 512;

/** Pairs with the features that frozen towers gave for them. */
export class StoredPairs {
  readonly scale: FeatureScale;
  readonly #views: readonly FeatureSet[];
  readonly #rowOf: ReadonlyMap<string, number>;

  /**
   * @param views row i of each is pair i; the first is the plain one
   * @param training whose statistics all features are scaled by
   */
  constructor(views: readonly FeatureSet[], pairs: readonly Pair[], training: readonly Pair[]) {
    this.#views = views;
    this.#rowOf = new Map(pairs.map(({ id }, row) => [id, row]));
    this.scale = new FeatureScale(this.#rows(views[0]!, training));
  }

  /** Every view of these pairs, scaled: what heads train on. */
  views(of: readonly Pair[]): FeatureSet[] {
    return this.#views.map((view) => this.scale.apply(this.#rows(view, of)));
  }

  /** The plain view alone, scaled. */
  plain(of: readonly Pair[]): FeatureSet {
    return this.scale.apply(this.#rows(this.#views[0]!, of));
  }

  /**
   * What the whole model gives for these pairs, without running the towers again.
   *
   * @param heads after `scale.fold`
   */
  async embed(heads: FusedHeads, of: readonly Pair[]): Promise<Embedded> {
    const batchSize = Math.min(BATCH, of.length);
    const source = this.#rows(this.#views[0]!, of).source({ batchSize, shuffle: false, dropLast: false });
    const { image, text } = await embedPairs(heads, source);
    return { pairs: of, image, text };
  }

  #rows({ image, text }: FeatureSet, of: readonly Pair[]): FeatureSet {
    const rows = of.map(({ id }) => this.#rowOf.get(id)!);
    // captions of one picture are right answers to each other
    return new FeatureSet(
      takeRows(image, rows),
      takeRows(text, rows),
      of.map((pair) => pair.image),
    );
  }
}
