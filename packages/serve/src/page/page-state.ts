import type { InfoColumn } from '../api/schemas.js';
import type { SearchRequest } from '../client/connect.js';

/** What is looked at, as the address has it: a link to it shows the same. */
export interface PageState {
  /** Words; those behind a - are not wanted. */
  readonly text: string;
  /** Id of a picture to show more like. */
  readonly like: string;
  /** Results that score below it are hidden; '' for none. */
  readonly cut: string;
  readonly fold: boolean;
  /** Folder, with those below it; undefined for all. */
  readonly folder: string | undefined;
  /** Days, such as 2026-11-29. */
  readonly from: string;
  readonly to: string;
  /** Other columns: `tag` to `sea`, `year>` to `2020`, `year<` to `2024`. */
  readonly columns: Readonly<Record<string, string>>;
  /** Id of the picture in the viewer. */
  readonly open: string;
}

const OWN = ['q', 'like', 'cut', 'fold', 'folder', 'from', 'to', 'open'];
const COLUMN = 'c.';

export function readState(search: string): PageState {
  const asked = new URLSearchParams(search);
  const text = (name: string) => asked.get(name) ?? '';
  const day = (name: string) => (/^\d{4}-\d\d-\d\d$/.test(text(name)) ? text(name) : '');
  const columns = [...asked].flatMap(([name, value]) =>
    name.startsWith(COLUMN) && value !== '' ? [[name.slice(COLUMN.length), value] as const] : [],
  );
  return {
    text: text('q'),
    like: text('like'),
    cut: Number.isFinite(Number(text('cut'))) ? text('cut') : '',
    fold: asked.has('fold'),
    folder: asked.get('folder') ?? undefined,
    from: day('from'),
    to: day('to'),
    columns: Object.fromEntries(columns),
    open: text('open'),
  };
}

export function writeState({ text, like, cut, fold, folder, from, to, columns, open }: PageState): string {
  const values = [text, like, cut, fold ? '1' : '', folder, from, to, open];
  const asked = new URLSearchParams();
  for (const [i, name] of OWN.entries()) {
    const value = values[i];
    if (value !== undefined && (value !== '' || name === 'folder')) asked.set(name, value);
  }
  for (const [name, value] of Object.entries(columns)) if (value !== '') asked.set(COLUMN + name, value);
  const written = asked.toString();
  return written === '' ? location.pathname : `?${written}`;
}

/** Words that are wanted and words that are not: `sea -people -"red car"`. */
export function splitText(text: string): { readonly wanted: string; readonly not: readonly string[] } {
  const not: string[] = [];
  const wanted = text.replace(/(^|\s)-(?:"([^"]+)"|([^\s"]+))/g, (_, space: string, quoted?: string, word?: string) => {
    not.push((quoted ?? word)!);
    return space;
  });
  return { wanted: wanted.replace(/\s+/g, ' ').trim(), not };
}

type Filter = NonNullable<SearchRequest['filter']>;

/** The filter of what is chosen; undefined for none. */
export function filterOf({ folder, from, to, columns }: PageState, known: readonly InfoColumn[]): Filter | undefined {
  const filter: Filter = {};
  if (folder !== undefined) filter.folder = { in: foldersBelow(folder, known) };
  if (from !== '' || to !== '') {
    filter.date = { ...(from !== '' && { gte: from }), ...(to !== '' && { lte: `${to}T23:59:59.999Z` }) };
  }
  for (const [name, value] of Object.entries(columns)) {
    const range = /^(.*)([<>])$/.exec(name);
    const column = known.find((one) => one.name === (range?.[1] ?? name));
    if (!column) continue;
    if (range) {
      const limit = { [range[2] === '>' ? 'gte' : 'lte']: Number(value) };
      filter[column.name] = { ...(filter[column.name] as object | undefined), ...limit };
    } else {
      filter[column.name] = column.values?.find((one) => String(one.value) === value)?.value ?? value;
    }
  }
  return Object.keys(filter).length > 0 ? filter : undefined;
}

/** Every folder that has pictures in it or below it, in order. */
export function allFolders(known: readonly InfoColumn[]): string[] {
  const folders = new Set<string>();
  for (const { value } of known.find(({ name }) => name === 'folder')?.values ?? []) {
    const steps = String(value).split('/');
    for (let i = 1; i <= steps.length; i++) folders.add(steps.slice(0, i).join('/'));
  }
  return [...folders].sort();
}

function foldersBelow(folder: string, known: readonly InfoColumn[]): string[] {
  const below = (known.find(({ name }) => name === 'folder')?.values ?? [])
    .map(({ value }) => String(value))
    .filter((one) => one === folder || one.startsWith(`${folder}/`));
  return below.length > 0 ? below : [folder];
}

/** What is asked of the server; undefined where only what is not wanted is said so far. */
export function requestOf(
  state: PageState,
  upload: Blob | undefined,
  known: readonly InfoColumn[],
): SearchRequest | undefined {
  const { wanted, not } = splitText(state.text);
  const filter = filterOf(state, known);
  const asks = wanted !== '' || upload !== undefined || state.like !== '';
  if (!asks && not.length > 0) return undefined;
  return {
    ...(wanted !== '' && { text: wanted }),
    ...(not.length > 0 && { not }),
    ...(upload && { image: upload }),
    ...(state.like !== '' && { like: [state.like] }),
    ...(filter && { filter }),
    ...(state.fold && { fold: NEARLY_SAME }),
  } as SearchRequest;
}

/** Cosine from which on two pictures are taken for nearly the same. */
const NEARLY_SAME = 0.95;

/** Whether there is something to score by. */
export function hasQuery(request: SearchRequest | undefined): boolean {
  return request?.text !== undefined || request?.image !== undefined || request?.like !== undefined;
}
