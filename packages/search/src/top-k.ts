/** The k best of many scored things. Of equal scores the one with the lower key is better, so the order of arrival does not count. */
export class TopK {
  readonly #k: number;
  // a heap with the worst of those that are kept at its root
  readonly #scores: number[] = [];
  readonly #keys: number[] = [];

  constructor(k: number) {
    this.#k = k;
  }

  /** What a score has to reach; below it nothing is taken any more. */
  get threshold(): number {
    return this.#scores.length < this.#k ? Number.NEGATIVE_INFINITY : this.#scores[0]!;
  }

  push(score: number, key: number): void {
    const [scores, keys] = [this.#scores, this.#keys];
    if (scores.length < this.#k) {
      scores.push(score);
      keys.push(key);
      this.#up(scores.length - 1);
    } else if (this.#k > 0 && isWorse(scores[0]!, keys[0]!, score, key)) {
      scores[0] = score;
      keys[0] = key;
      this.#down(0);
    }
  }

  /** Best first. */
  sorted(): { readonly scores: Float64Array; readonly keys: Float64Array } {
    const order = Array.from(this.#scores.keys());
    const [scores, keys] = [this.#scores, this.#keys];
    order.sort((a, b) => scores[b]! - scores[a]! || keys[a]! - keys[b]!);
    return {
      scores: Float64Array.from(order, (i) => scores[i]!),
      keys: Float64Array.from(order, (i) => keys[i]!),
    };
  }

  #up(place: number): void {
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#worse(place, parent)) return;
      this.#swap(place, parent);
      place = parent;
    }
  }

  #down(place: number): void {
    for (;;) {
      let worst = place;
      for (const child of [2 * place + 1, 2 * place + 2]) {
        if (child < this.#scores.length && this.#worse(child, worst)) worst = child;
      }
      if (worst === place) return;
      this.#swap(place, worst);
      place = worst;
    }
  }

  #worse(a: number, b: number): boolean {
    return isWorse(this.#scores[a]!, this.#keys[a]!, this.#scores[b]!, this.#keys[b]!);
  }

  #swap(a: number, b: number): void {
    const [scores, keys] = [this.#scores, this.#keys];
    [scores[a], scores[b]] = [scores[b]!, scores[a]!];
    [keys[a], keys[b]] = [keys[b]!, keys[a]!];
  }
}

function isWorse(score: number, key: number, than: number, thanKey: number): boolean {
  return score < than || (score === than && key > thanKey);
}
