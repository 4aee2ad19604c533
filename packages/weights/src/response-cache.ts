/** The part of the browser's `Cache` that is used. */
export interface ResponseCache {
  match(url: string): Promise<Response | undefined>;
  put(url: string, response: Response): Promise<void>;
}

/** The browser's cache for models; undefined where there is none, or the browser's settings block it. */
export async function openCache(): Promise<ResponseCache | undefined> {
  try {
    return await globalThis.caches?.open('diptych');
  } catch {
    return undefined;
  }
}
