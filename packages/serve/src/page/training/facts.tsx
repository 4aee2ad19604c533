import type { RunSummary } from '../../training/api.js';
import { shown } from './format.js';
import type { RunsSource } from './runs-source.js';

const WAYS = [
  ['textToImage', 'text to image'],
  ['imageToText', 'image to text'],
  ['chance', 'chance'],
] as const;

/** What a run came to, and what it was made of. */
export function Facts({ source, run }: { readonly source: RunsSource; readonly run: RunSummary }) {
  const { figures } = run;
  const percent = (name: string) => (figures[name] === undefined ? '–' : `${(100 * figures[name]).toFixed(1)} %`);
  const ways = WAYS.filter(([way]) => figures[`${way}.recall@1`] !== undefined);
  const facts = [...source.facts(run.name), ...Object.entries(run.config)];
  const candidates = figures.candidates ?? figures['textToImage.candidates'];
  const accuracy = figures['matching.accuracy'];
  return (
    <>
      {ways.length > 0 && (
        <section class="card" aria-label="Figures">
          <header>
            <h2>Figures</h2>
            {candidates !== undefined && (
              <span class="faint">{`${candidates} held-out pairs, which training never saw`}</span>
            )}
          </header>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
          <section class="scroll" tabIndex={0} aria-label="Table of figures">
            <table>
              <thead>
                <tr>
                  <td />
                  <th scope="col">R@1</th>
                  <th scope="col">R@5</th>
                  <th scope="col">R@10</th>
                  <th scope="col">median rank</th>
                </tr>
              </thead>
              <tbody>
                {ways.map(([way, title]) => (
                  <tr key={way}>
                    <th scope="row">{title}</th>
                    {[1, 5, 10].map((k) => (
                      <td key={k}>{percent(`${way}.recall@${k}`)}</td>
                    ))}
                    <td>{figures[`${way}.medianRank`] ?? '–'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
          {accuracy !== undefined && (
            <p class="faint">
              {`The matcher scores a picture's own caption above the towers' best wrong one ${percent('matching.accuracy')} of the time; with the pictures shuffled, ${percent('matching.shuffled')}. `}
              {figures['rerank.recall@1'] !== undefined &&
                `With the 50 best pictures looked at again by it, R@1 of text to image is ${percent('rerank.recall@1')}.`}
            </p>
          )}
        </section>
      )}
      {facts.length > 0 && (
        <section class="card" aria-label="How it was made">
          <details open={!source.live}>
            <summary>
              <h2>How it was made</h2>
            </summary>
            <dl class="facts">
              {facts.map(([what, value]) => (
                <div key={what}>
                  <dt>{shown(what)}</dt>
                  <dd>
                    <bdi>{shown(value)}</bdi>
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        </section>
      )}
    </>
  );
}
