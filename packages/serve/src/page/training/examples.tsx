import { useState } from 'preact/hooks';
import type { RunSummary, ShownExample, ShownExamples } from '../../training/api.js';
import { formatNumber, shown } from './format.js';
import type { RunsSource } from './runs-source.js';

/** Kinds by what their tab says. */
const KINDS = {
  worst: ['Worst', 'Held-out captions whose picture comes last now.'],
  best: ['Best', 'Held-out captions whose picture comes first, by the highest cosine.'],
  followed: ['Followed', 'The same captions at each validation.'],
} as const;
type KindName = keyof typeof KINDS;

/** The captions that are found best and worst, as they are now. */
export function Examples({ source, run }: { readonly source: RunsSource; readonly run: RunSummary }) {
  const [kind, setKind] = useState<KindName>('worst');
  const examples = source.details?.run === run.name ? source.details.examples : undefined;
  if (!examples) return null;
  const found = examples[kind];
  return (
    <section class="card examples" aria-label="Examples">
      <header>
        <h2>Examples</h2>
        <fieldset class="tabs">
          <legend class="hidden">Which examples</legend>
          {(Object.keys(KINDS) as KindName[]).map((name) => (
            <label key={name} class={name === kind ? 'on' : ''}>
              <input type="radio" name="examples" checked={name === kind} onChange={() => setKind(name)} />
              {KINDS[name][0]}
            </label>
          ))}
        </fieldset>
        <span class="faint">{`step ${formatNumber(examples.step)}, among ${formatNumber(examples.of)} pictures`}</span>
      </header>
      <p class="faint">{KINDS[kind][1]} The picture that belongs to the caption has a frame.</p>
      {found.length === 0 ? (
        <p>{kind === 'worst' ? 'Every caption finds its picture first.' : 'No caption finds its picture first yet.'}</p>
      ) : (
        <ol class="cases">
          {found.map((example) => (
            <Case key={example.row} {...{ source, run: run.name, examples, example }} />
          ))}
        </ol>
      )}
    </section>
  );
}

interface CaseProps {
  readonly source: RunsSource;
  readonly run: string;
  readonly examples: ShownExamples;
  readonly example: ShownExample;
}

function Case({ source, run, examples, example }: CaseProps) {
  const { row, id, rank, score, found } = example;
  const textOf = (of: number, or: string) => shown(examples.pairs[of]?.text ?? or);
  const own = found.some((one) => one.row === row) ? [] : [{ row, id, score }];
  return (
    <li>
      <p class="caption">
        <bdi>{textOf(row, id)}</bdi>
        <span class="faint">{rank === 1 ? 'found first' : `its picture is number ${formatNumber(rank)}`}</span>
      </p>
      <ul class="pictures">
        {[...found, ...own].map((one) => {
          const address = examples.pairs[one.row]?.image ? source.pictureUrl(run, one.row, examples) : undefined;
          const caption = textOf(one.row, one.id);
          return (
            <li key={one.row} class={one.row === row ? 'own' : ''}>
              {address ? (
                <img
                  src={address}
                  alt={caption}
                  title={caption}
                  loading={source.live ? 'lazy' : 'eager'}
                  decoding="async"
                />
              ) : (
                <span class="picture" title={caption}>
                  <bdi>{caption}</bdi>
                </span>
              )}
              <span class="score">
                {one.row === row && own.length > 0 ? '… ' : ''}
                {one.score.toFixed(3)}
              </span>
            </li>
          );
        })}
      </ul>
    </li>
  );
}
