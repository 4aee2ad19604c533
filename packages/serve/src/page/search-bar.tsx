import { useEffect, useRef, useState } from 'preact/hooks';
import type { Client } from '../client/connect.js';

interface SearchBarProps {
  readonly client: Client;
  readonly text: string;
  readonly like: string;
  readonly upload: Blob | undefined;
  readonly onText: (text: string) => void;
  readonly onUpload: (picture: Blob | undefined) => void;
  readonly onLike: (id: string) => void;
}

/** Words, and a picture beside them: chosen, dropped on the page, or pasted. */
export function SearchBar({ client, text, like, upload, onText, onUpload, onLike }: SearchBarProps) {
  const file = useRef<HTMLInputElement>(null);
  const dropping = usePictures(onUpload);
  const preview = useObjectUrl(upload);
  return (
    <search>
      <form class={dropping ? 'search dropping' : 'search'} onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          class="words"
          value={text}
          placeholder="What is to be seen? -what is not"
          aria-label="Words to look for"
          autocomplete="off"
          onInput={({ currentTarget }) => onText(currentTarget.value)}
        />
        <input
          ref={file}
          type="file"
          accept="image/*"
          class="hidden"
          aria-label="Picture to look for"
          tabIndex={-1}
          onChange={({ currentTarget }) => {
            onUpload(currentTarget.files?.[0]);
            currentTarget.value = '';
          }}
        />
        <button type="button" onClick={() => file.current!.click()}>
          By picture
        </button>
        {preview !== undefined && (
          <span class="chip">
            <img src={preview} alt="" /> this picture
            <button type="button" aria-label="Without this picture" onClick={() => onUpload(undefined)}>
              ×
            </button>
          </span>
        )}
        {like !== '' && (
          <span class="chip">
            <img src={client.thumbnailUrl(like, 160)} alt="" /> more like this
            <button type="button" aria-label="Without more like this" onClick={() => onLike('')}>
              ×
            </button>
          </span>
        )}
        {dropping && <p class="drop">Drop it to look for pictures like it</p>}
      </form>
    </search>
  );
}

/** Takes pictures that are dropped or pasted anywhere. Returns whether one hovers over the page. */
function usePictures(take: (picture: Blob) => void): boolean {
  const [over, setOver] = useState(false);
  const latest = useRef(take);
  latest.current = take;
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const takeFrom = (event: Event, data: DataTransfer | null) => {
      const found = [...(data?.files ?? [])].find(({ type }) => type.startsWith('image/'));
      if (!found) return;
      event.preventDefault();
      latest.current(found);
    };
    const hovers = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes('Files')) return;
      event.preventDefault(); // else a browser leaves the page for the file
      setOver(true);
    };
    document.addEventListener('paste', (event) => takeFrom(event, event.clipboardData), { signal });
    document.addEventListener('dragover', hovers, { signal });
    document.addEventListener('dragleave', (event) => !event.relatedTarget && setOver(false), { signal });
    document.addEventListener(
      'drop',
      (event) => {
        event.preventDefault();
        setOver(false);
        takeFrom(event, event.dataTransfer);
      },
      { signal },
    );
    return () => controller.abort();
  }, []);
  return over;
}

function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) {
      setUrl(undefined);
      return;
    }
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
