import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../client/connect.js';
import { captionOf } from './caption.js';
import type { PageHit, Results } from './use-results.js';

interface GridProps {
  readonly client: Client;
  readonly results: Results;
  readonly count: number;
  /** Whether scores say something. */
  readonly scored: boolean;
  /** Scrolls back to the top when it changes. */
  readonly resetKey: string;
  readonly onShow: (first: number, last: number) => void;
  readonly onOpen: (hit: PageHit) => void;
  readonly onLike: (hit: PageHit) => void;
}

/** Smallest width of a tile, and the space between two, in pixels. */
const TILE = 168;
const GAP = 12;
/** Below the picture: caption and score. */
const TEXT = 62;
/** Rows beyond those that are seen. */
const BEYOND = 2;

/** Results as tiles, of which only those in view are there. */
export function Grid({ client, results, count, scored, resetKey, onShow, onOpen, onLike }: GridProps) {
  const box = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(0);
  const [[top, height], setView] = useState<readonly [number, number]>([0, 800]);

  useLayoutEffect(() => {
    const look = () => {
      const element = box.current!;
      setWidth(element.clientWidth);
      setView([Math.max(0, -element.getBoundingClientRect().top), window.innerHeight]);
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    window.addEventListener('scroll', look, { passive: true });
    window.addEventListener('resize', look);
    return () => {
      observer.disconnect();
      window.removeEventListener('scroll', look);
      window.removeEventListener('resize', look);
    };
  }, []);

  useEffect(() => window.scrollTo(0, 0), [resetKey]);

  const columns = Math.max(2, Math.floor((width + GAP) / (TILE + GAP)));
  const side = Math.max(40, (width - GAP * (columns - 1)) / columns);
  const rowHeight = side + TEXT + GAP;
  const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND) * columns;
  const last = Math.min(count, (Math.ceil((top + height) / rowHeight) + BEYOND) * columns);
  useEffect(() => {
    if (last > first) onShow(first, last - 1);
  }, [first, last, resetKey]);

  const tiles = [];
  for (let place = first; place < last; place++) {
    const hit = results.hits.get(place);
    const style = {
      width: `${side}px`,
      height: `${side + TEXT}px`,
      transform: `translate(${(place % columns) * (side + GAP)}px, ${Math.floor(place / columns) * rowHeight}px)`,
    };
    tiles.push(
      <li key={hit?.id ?? `at ${place}`} class="tile" style={style} aria-setsize={count} aria-posinset={place + 1}>
        {hit && <Tile client={client} hit={hit} side={side} scored={scored} onOpen={onOpen} onLike={onLike} />}
      </li>,
    );
  }
  return (
    <ul
      ref={box}
      class={results.loading ? 'grid loading' : 'grid'}
      aria-label="Pictures"
      aria-busy={results.loading}
      style={{ height: `${Math.ceil(count / columns) * rowHeight}px` }}
    >
      {tiles}
    </ul>
  );
}

type TileProps = Pick<GridProps, 'client' | 'scored' | 'onOpen' | 'onLike'> & {
  readonly hit: PageHit;
  readonly side: number;
};

function Tile({ client, hit, side, scored, onOpen, onLike }: TileProps) {
  const caption = captionOf(hit);
  const size = side * window.devicePixelRatio > 200 ? 320 : 160;
  const folded = hit.duplicates?.length ?? 0;
  return (
    <>
      <button type="button" class="picture" style={{ height: `${side}px` }} onClick={() => onOpen(hit)}>
        <img src={client.thumbnailUrl(hit.id, size)} alt={caption} loading="lazy" decoding="async" draggable={false} />
        {folded > 0 && <span class="folded">+{folded} alike</span>}
      </button>
      <p class="caption" title={caption}>
        <bdi>{caption}</bdi>
      </p>
      <div class="below">
        <span class="score">{scored ? hit.score.toFixed(3) : ''}</span>
        <button type="button" class="like" onClick={() => onLike(hit)} aria-label={`More like this: ${caption}`}>
          More like this
        </button>
      </div>
    </>
  );
}
