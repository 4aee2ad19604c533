import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface VirtualRowsProps {
  readonly label: string;
  readonly count: number;
  /** Of a row, in pixels. */
  readonly height: number;
  readonly row: (place: number) => ComponentChildren;
  readonly keyOf: (place: number) => string;
}

/** Rows beyond those that are seen. */
const BEYOND = 6;

/** A list that scrolls in a box of its own, of which only rows in view are there. */
export function VirtualRows({ label, count, height, row, keyOf }: VirtualRowsProps) {
  const box = useRef<HTMLDivElement>(null);
  const [[top, seen], setView] = useState<readonly [number, number]>([0, 800]);
  useLayoutEffect(() => {
    const element = box.current!;
    const look = () => setView([element.scrollTop, element.clientHeight]);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  const first = Math.max(0, Math.min(Math.floor(top / height), count - 1) - BEYOND);
  const last = Math.min(count, Math.ceil((top + seen) / height) + BEYOND);
  const rows = [];
  for (let place = first; place < last; place++) {
    const style = { transform: `translateY(${place * height}px)`, height: `${height}px` };
    rows.push(
      <li key={keyOf(place)} style={style} aria-setsize={count} aria-posinset={place + 1}>
        {row(place)}
      </li>,
    );
  }
  return (
    <div ref={box} class="rows">
      <ul aria-label={label} style={{ height: `${count * height}px` }}>
        {rows}
      </ul>
    </div>
  );
}
