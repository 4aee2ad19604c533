import { useEffect, useMemo, useState } from 'preact/hooks';
import { type Client, type ResultOf, ServeError } from '../client/connect.js';
import { Explain } from './explain.js';
import { countFilters, Filters } from './filters.js';
import { Grid } from './grid.js';
import { Indexing } from './indexing.js';
import { hasQuery, type PageState, readState, requestOf, splitText, writeState } from './page-state.js';
import { SearchBar } from './search-bar.js';
import { SignIn } from './sign-in.js';
import { countAbove, PAGE, type PageHit, useResults } from './use-results.js';
import { Viewer } from './viewer.js';

/** Milliseconds between two looks at the server. */
const [WHILE_INDEXING, BETWEEN] = [1000, 5000];

/** The page: signs in where a token is needed, then searches. */
export function App({ client }: { readonly client: Client }) {
  const [info, setInfo] = useState<ResultOf<'info'>>();
  const [problem, setProblem] = useState<Error>();
  const look = () => {
    client.info().then((found) => {
      setInfo(found);
      setProblem(undefined);
    }, setProblem);
  };
  useEffect(look, []);
  const wait = info?.indexing?.state === 'running' ? WHILE_INDEXING : BETWEEN;
  useEffect(() => {
    if (!info) return;
    // what another program puts into the index is seen as well; a server that is away for a while is asked again
    const again = () => client.info().then(setInfo, () => setInfo((last) => last && { ...last }));
    const timer = window.setTimeout(() => document.hidden || void again(), wait);
    const shown = () => document.hidden || void again();
    document.addEventListener('visibilitychange', shown);
    return () => {
      window.clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
    };
  }, [info, wait]);
  if (info) return <Search client={client} info={info} />;
  if (problem instanceof ServeError && problem.status === 401) {
    const signIn = (token: string) => client.openSession(token).then(look);
    return <SignIn title="Search pictures" signIn={signIn} />;
  }
  return (
    <main>
      <h1>Search pictures</h1>
      {problem && <p role="alert">{problem.message}</p>}
    </main>
  );
}

/** The state in the address: a step of the history for a new search, none for each letter. */
function useAddress(): readonly [PageState, (change: Partial<PageState>, step?: boolean) => void] {
  const [state, setState] = useState(() => readState(location.search));
  useEffect(() => {
    const back = () => setState(readState(location.search));
    window.addEventListener('popstate', back);
    return () => window.removeEventListener('popstate', back);
  }, []);
  const change = (part: Partial<PageState>, step = false) => {
    const next = { ...state, ...part };
    if (step) history.pushState(null, '', writeState(next));
    else history.replaceState(null, '', writeState(next));
    setState(next);
  };
  return [state, change];
}

let uploads = 0;

function Search({ client, info }: { readonly client: Client; readonly info: ResultOf<'info'> }) {
  const [state, change] = useAddress();
  const [upload, setUpload] = useState<{ readonly picture: Blob; readonly number: number }>();
  const { columns } = info;
  const request = useMemo(() => requestOf(state, upload?.picture, columns), [state, upload, columns]);
  const key = JSON.stringify([request, upload?.number]);
  const [seen, setSeen] = useState(info.rows);
  const [results, show] = useResults(client, request, `${key} ${seen}`);
  // few results show new pictures at once; many would jump under the reader, who is asked
  useEffect(() => {
    if (info.rows !== seen && results.count < PAGE && !results.loading) setSeen(info.rows);
  }, [info.rows, results]);
  const scored = hasQuery(request);
  const cut = scored && state.cut !== '' ? Number(state.cut) : undefined;
  const count = countAbove(results, cut);
  const open = useMemo(() => [...results.hits].find(([, hit]) => hit.id === state.open), [results, state.open]);

  const likeHit = ({ id }: PageHit) => {
    setUpload(undefined);
    change({ like: id, text: '', open: '', cut: '' }, true);
  };
  const openAt = (place: number) => () => {
    show(place, place + 1);
    const hit = results.hits.get(place);
    if (hit) change({ open: hit.id });
  };
  const clearFilters = () => change({ folder: undefined, from: '', to: '', columns: {} }, true);
  return (
    <main>
      <header>
        <h1>Search pictures</h1>
        <SearchBar
          client={client}
          text={state.text}
          like={state.like}
          upload={upload?.picture}
          onText={(text) => change({ text, cut: '' }, state.text === '')}
          onUpload={(picture) => {
            setUpload(picture && { picture, number: uploads++ });
            if (picture) change({ like: '', cut: '' }, true);
          }}
          onLike={(id) => change({ like: id, cut: '' }, true)}
        />
        <div class="tools">
          <p class="count" role="status">
            {results.loading ? 'Searching …' : countText(count, results.exact || count < results.count, seen)}
          </p>
          {scored && results.count > 0 && (
            <CutOff results={results} cut={cut} onCut={(value) => change({ cut: value })} />
          )}
          <label class="switch">
            <input
              type="checkbox"
              checked={state.fold}
              onChange={({ currentTarget }) => change({ fold: currentTarget.checked })}
            />
            Fold near duplicates
          </label>
        </div>
        <Indexing info={info} fresh={info.rows - seen} onLook={() => setSeen(info.rows)} />
        <Filters state={state} columns={columns} onChange={(part) => change(part, true)} />
      </header>
      <Explain
        results={results}
        rows={info.rows}
        filters={countFilters(state)}
        shown={count}
        incomplete={request === undefined}
        onClearFilters={clearFilters}
        onClearCut={() => change({ cut: '' })}
      />
      <Grid
        client={client}
        results={results}
        count={request === undefined ? 0 : count}
        scored={scored}
        resetKey={key}
        onShow={show}
        onOpen={({ id }) => change({ open: id }, true)}
        onLike={likeHit}
      />
      {open && (
        <Viewer
          client={client}
          hit={open[1]}
          scored={scored}
          words={splitText(state.text).wanted}
          attends={info.attends}
          onPrevious={open[0] > 0 ? openAt(open[0] - 1) : undefined}
          onNext={open[0] + 1 < count ? openAt(open[0] + 1) : undefined}
          onLike={likeHit}
          onClose={() => change({ open: '' })}
        />
      )}
    </main>
  );
}

function countText(count: number, exact: boolean, rows: number): string {
  const words = count === 1 ? 'picture' : 'pictures';
  return count === rows
    ? `${count.toLocaleString()} ${words}`
    : `${exact ? '' : 'up to '}${count.toLocaleString()} of ${rows.toLocaleString()} pictures`;
}

interface CutOffProps {
  readonly results: ReturnType<typeof useResults>[0];
  readonly cut: number | undefined;
  readonly onCut: (cut: string) => void;
}

/** Hides what scores too little. What a score means depends on the model, so the range is that of the results. */
function CutOff({ results, cut, onCut }: CutOffProps) {
  const scores = [...results.hits.values()].map(({ score }) => score);
  const least = Math.min(...scores);
  const most = Math.max(...scores);
  if (!(most > least)) return null;
  return (
    <label class="cut">
      Score from {(cut ?? least).toFixed(3)}
      <input
        type="range"
        min={least}
        max={most}
        step={(most - least) / 200}
        value={cut ?? least}
        onInput={({ currentTarget }) => onCut(Number(currentTarget.value) <= least ? '' : currentTarget.value)}
      />
    </label>
  );
}
