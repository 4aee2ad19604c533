import { useEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../client/connect.js';
import { AttentionControl, AttentionOverlay, useAttention } from './attention.js';
import { captionOf } from './caption.js';
import type { PageHit } from './use-results.js';

interface ViewerProps {
  readonly client: Client;
  readonly hit: PageHit;
  readonly scored: boolean;
  /** What was looked for, in words. */
  readonly words: string;
  /** Whether the model can say where it looks for a word. */
  readonly attends: boolean;
  /** Undefined where there is none before, or behind. */
  readonly onPrevious: (() => void) | undefined;
  readonly onNext: (() => void) | undefined;
  readonly onLike: (hit: PageHit) => void;
  readonly onClose: () => void;
}

/** Columns that people do not read. */
const HIDDEN = ['content', 'caption', 'path'];

/** One picture, large, with what is known of it. Arrow keys go on, M shows more like it, Escape closes. */
export function Viewer({ client, hit, scored, words, attends, onPrevious, onNext, onLike, onClose }: ViewerProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    return () => element.close();
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'ArrowLeft') onPrevious?.();
    else if (event.key === 'ArrowRight') onNext?.();
    else if (event.key === 'm' || event.key === 'M') onLike(hit);
    else return;
    event.preventDefault();
  };
  const picture = useRef<HTMLImageElement>(null);
  const [size, setSize] = useState<readonly [number, number]>();
  const [looks, setLooks] = useState(false);
  const attention = useAttention(client, hit.id, words, looks && attends);
  const caption = captionOf(hit);
  const all = typeof hit.metadata.caption === 'string' ? hit.metadata.caption : caption;
  const facts = Object.entries(hit.metadata).filter(([name, value]) => !HIDDEN.includes(name) && value !== '');
  return (
    <dialog
      ref={dialog}
      class="viewer"
      aria-label={caption}
      onKeyDown={onKeyDown}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div class="viewed">
        <img
          ref={picture}
          src={client.pictureUrl(hit.id)}
          alt={caption}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setSize([naturalWidth, naturalHeight])}
        />
        <AttentionOverlay attention={attention} size={size} picture={picture} />
      </div>
      <div class="about">
        <h2>
          {all.split('\n').map((line) => (
            <bdi key={line}>{line}</bdi>
          ))}
        </h2>
        <dl>
          <dt>file</dt>
          <dd>
            <bdi>{hit.id}</bdi>
          </dd>
          {scored && <dt>score</dt>}
          {scored && <dd>{hit.score.toFixed(4)}</dd>}
          {facts.flatMap(([name, value]) => [
            <dt key={`${name}?`}>{name}</dt>,
            <dd key={name}>
              <bdi>{Array.isArray(value) ? value.join(', ') : String(value)}</bdi>
            </dd>,
          ])}
        </dl>
        <AttentionControl attention={attention} words={words} attends={attends} looks={looks} onLooks={setLooks} />
        {hit.duplicates && (
          <>
            <h3>Alike</h3>
            <div class="alike">
              {hit.duplicates.slice(0, 24).map((other) => (
                <img key={other.id} src={client.thumbnailUrl(other.id, 160)} alt={captionOf(other)} title={other.id} />
              ))}
            </div>
          </>
        )}
        <div class="buttons">
          <button type="button" disabled={!onPrevious} onClick={onPrevious} aria-label="Previous picture">
            ←
          </button>
          <button type="button" disabled={!onNext} onClick={onNext} aria-label="Next picture">
            →
          </button>
          <button type="button" class="main" onClick={() => onLike(hit)}>
            More like this
          </button>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </div>
    </dialog>
  );
}
