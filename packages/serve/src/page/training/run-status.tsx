import { useEffect, useState } from 'preact/hooks';
import type { RunSummary } from '../../training/api.js';
import { colourOf } from './colours.js';
import { formatNumber, formatSeconds, shown } from './format.js';
import { STATES } from './run-list.js';
import type { RunsSource } from './runs-source.js';

interface RunStatusProps {
  readonly source: RunsSource;
  readonly run: RunSummary;
  readonly place: number;
}

/** How it stands with one run, and what can be done about it. */
export function RunStatus({ source, run, place }: RunStatusProps) {
  const { name, title = name, state, step, total, loss, pairsPerSecond, etaSeconds, message, command, figures } = run;
  const [asked, setAsked] = useState<'stop' | 'resume'>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    setAsked(undefined);
    setProblem('');
  }, [name, state]);
  const ask = async (what: 'stop' | 'resume') => {
    setAsked(what);
    setProblem('');
    try {
      await source.ask(what, name);
    } catch (error) {
      setAsked(undefined);
      setProblem((error as Error).message);
    }
  };
  const running = state === 'running';
  const done = total ? Math.min(1, step / total) : undefined;
  const facts: (readonly [string, string])[] = [
    ['step', total ? `${formatNumber(step)} of ${formatNumber(total)}` : formatNumber(step)],
    ...(loss !== undefined ? [['loss', formatNumber(loss)] as const] : []),
    ...['textToImage', 'imageToText'].flatMap((way) => {
      const recall = figures[`${way}.recall@1`];
      return recall === undefined
        ? []
        : [
            [
              way === 'textToImage' ? 'R@1 text to image' : 'R@1 image to text',
              `${(100 * recall).toFixed(1)} %`,
            ] as const,
          ];
    }),
    ...(pairsPerSecond !== undefined ? [['pairs a second', formatNumber(Math.round(pairsPerSecond))] as const] : []),
    ...(running && etaSeconds !== undefined ? [['left', formatSeconds(etaSeconds)] as const] : []),
  ];
  return (
    <section class="card status" aria-label="Run">
      <div class="head">
        {source.live ? (
          <Name source={source} run={run} key={name} colour={colourOf(place)} />
        ) : (
          <h2>
            <bdi>{shown(title)}</bdi>
          </h2>
        )}
        <span class={`badge ${state}`} role="status">
          {STATES[state]}
        </span>
        <span class="buttons">
          {source.live && running && (
            <button type="button" disabled={asked === 'stop'} onClick={() => ask('stop')}>
              {asked === 'stop' ? 'Stopping after this step …' : 'Stop'}
            </button>
          )}
          {source.live && state === 'waiting' && (
            <button type="button" class="main" disabled={asked === 'resume'} onClick={() => ask('resume')}>
              {asked === 'resume' ? 'Going on …' : 'Go on'}
            </button>
          )}
          {source.reportUrl(name) !== undefined && (
            <a class="button" href={source.reportUrl(name)} download>
              Save as a file
            </a>
          )}
        </span>
      </div>
      {done !== undefined && state !== 'finished' && (
        <progress max="1" value={done} aria-label="Steps done">{`${Math.floor(100 * done)} %`}</progress>
      )}
      <dl class="numbers">
        {facts.map(([what, value]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {message && <p class="problem">{shown(message)}</p>}
      {problem !== '' && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      {(state === 'stopped' || state === 'failed') && command && (
        <p class="faint">
          Its process has ended; this goes on from the last checkpoint: <code>{shown(command)}</code>
        </p>
      )}
    </section>
  );
}

/** The run's name, which can be changed. */
function Name({
  source,
  run,
  colour,
}: {
  readonly source: RunsSource;
  readonly run: RunSummary;
  readonly colour: string;
}) {
  const { name, title = name } = run;
  const [text, setText] = useState<string>();
  const [problem, setProblem] = useState('');
  const save = async (event: Event) => {
    event.preventDefault();
    try {
      await source.ask('title', name, text === name ? '' : (text ?? ''));
      setText(undefined);
      setProblem('');
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  if (text === undefined) {
    return (
      <>
        <h2>
          <i class="swatch" style={{ background: colour }} />
          <bdi>{shown(title)}</bdi>
          {title !== name && <small class="faint"> {shown(name)}</small>}
        </h2>
        <button type="button" class="plain" onClick={() => setText(title)}>
          Rename
        </button>
      </>
    );
  }
  return (
    <form class="rename" onSubmit={save}>
      <input
        aria-label={`Name of ${shown(name)}`}
        maxLength={200}
        value={text}
        ref={(input) => input?.focus()}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
      <button type="submit">Save</button>
      <button type="button" onClick={() => setText(undefined)}>
        Leave
      </button>
      {problem !== '' && <span role="alert">{problem}</span>}
    </form>
  );
}
