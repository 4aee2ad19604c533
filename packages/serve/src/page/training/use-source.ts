import { useEffect, useState } from 'preact/hooks';
import type { RunsSource } from './runs-source.js';

/** Draws a component anew whenever a source has changed. */
export function useSource(source: RunsSource): void {
  const [, setCount] = useState(0);
  useEffect(() => source.subscribe(() => setCount((count) => count + 1)), [source]);
}
