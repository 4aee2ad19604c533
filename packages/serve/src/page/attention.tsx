import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useState } from 'preact/hooks';
import type { Client, ResultOf } from '../client/connect.js';

type Found = ResultOf<'attention'>;

/** Where the model looks in the picture in the viewer. */
export interface Attention {
  readonly found: Found | undefined;
  /** The word that is shown. */
  readonly word: number;
  readonly show: (word: number) => void;
  readonly problem: string;
}

/** Asks for each picture that is opened while it is wanted. */
export function useAttention(client: Client, id: string, words: string, wanted: boolean): Attention {
  const [found, setFound] = useState<Found>();
  const [word, show] = useState(0);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    setFound(undefined);
    setProblem('');
    if (!wanted || words === '') return;
    const controller = new AbortController();
    const { signal } = controller;
    client.attention({ id, text: words }, signal).then(setFound, (error) => {
      if (!signal.aborted) setProblem((error as Error).message);
    });
    return () => controller.abort();
  }, [id, words, wanted]);
  return { found, word: Math.min(word, (found?.words.length ?? 1) - 1), show, problem };
}

interface AttentionOverlayProps {
  readonly attention: Attention;
  /** Width and height of the picture; undefined until it is there. */
  readonly size: readonly [number, number] | undefined;
  /** Where it stands on the page. */
  readonly picture: RefObject<HTMLImageElement | null>;
}

/** Darkens the parts of the picture, the more the less the word looks at them. It lies over the picture, wherever that is. */
export function AttentionOverlay({ attention: { found, word }, size, picture }: AttentionOverlayProps) {
  const place = usePlace(picture);
  if (!found || !size) return null;
  const { rows, columns, region, words } = found;
  const { map } = words[word]!;
  const [width, height] = size;
  const [least, most] = [Math.min(...map), Math.max(...map)];
  const cell = {
    width: ((region.right - region.left) * width) / columns,
    height: ((region.bottom - region.top) * height) / rows,
  };
  return (
    <svg
      class="attention"
      style={place}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="xMidYMid meet"
      aria-hidden="true"
    >
      {map.map((share, part) => (
        <rect
          key={part}
          // a mirrored picture has its grid from right to left
          x={region.left * width + (part % columns) * cell.width + Math.min(0, cell.width)}
          y={region.top * height + Math.floor(part / columns) * cell.height + Math.min(0, cell.height)}
          width={Math.abs(cell.width)}
          height={Math.abs(cell.height)}
          fill-opacity={most > least ? (0.8 * (most - share)) / (most - least) : 0}
        />
      ))}
    </svg>
  );
}

/** Place and size of a picture in what it is placed by, in pixels, as they change with the window. */
function usePlace(picture: RefObject<HTMLImageElement | null>) {
  const [place, setPlace] = useState({});
  useLayoutEffect(() => {
    const element = picture.current!;
    const look = () => {
      const { offsetLeft, offsetTop, offsetWidth, offsetHeight } = element;
      const [left, top, width, height] = [offsetLeft, offsetTop, offsetWidth, offsetHeight].map(
        (value) => `${value}px`,
      );
      setPlace({ left, top, width, height });
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    observer.observe(element.parentElement!);
    return () => observer.disconnect();
  }, []);
  return place;
}

interface AttentionControlProps {
  readonly attention: Attention;
  readonly words: string;
  readonly attends: boolean;
  readonly looks: boolean;
  readonly onLooks: (looks: boolean) => void;
}

/** Switches it on and chooses the word, or says why there is nothing to see. */
export function AttentionControl({ attention, words, attends, looks, onLooks }: AttentionControlProps) {
  const { found, word, show, problem } = attention;
  const reason = !attends
    ? 'This model sees a picture as one vector, so it cannot say where it looks. A model with CoAttentionFusion can.'
    : words === ''
      ? 'Search by words to see where the model looks for each.'
      : '';
  return (
    <div class="looks">
      <label class="switch">
        <input
          type="checkbox"
          checked={looks && reason === ''}
          disabled={reason !== ''}
          aria-describedby="looks-about"
          onChange={({ currentTarget }) => onLooks(currentTarget.checked)}
        />
        Show where it looks
      </label>
      <p id="looks-about" role="status">
        {reason || problem || (looks ? (found ? said(found, word) : 'Looking …') : '')}
      </p>
      {found && (
        <fieldset class="looked" aria-label="For the word">
          {found.words.map(({ text, start }, i) => (
            <button key={start} type="button" aria-pressed={i === word} onClick={() => show(i)}>
              <bdi>{text}</bdi>
            </button>
          ))}
        </fieldset>
      )}
    </div>
  );
}

/** The same in words. */
function said({ words, rows, columns, region }: Found, word: number): string {
  const { text, map } = words[word]!;
  const most = map.indexOf(Math.max(...map));
  const [x, y] = [
    region.left + (((most % columns) + 0.5) / columns) * (region.right - region.left),
    region.top + ((Math.floor(most / columns) + 0.5) / rows) * (region.bottom - region.top),
  ];
  const third = (share: number, names: readonly [string, string, string]) =>
    names[Math.max(0, Math.min(2, Math.floor(share * 3)))]!;
  const place = [third(y, ['top', 'middle', 'bottom']), third(x, ['left', 'centre', 'right'])].join(' ');
  const all = map.reduce((sum, share) => sum + share, 0);
  return `“${text}” most at the ${place}, ${Math.round((100 * map[most]!) / (all || 1))} % of it in one of ${map.length} parts`;
}
