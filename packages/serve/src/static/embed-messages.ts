/** What the page asks of the thread that holds the model. */
export interface EmbedRequest {
  readonly id: number;
  readonly texts?: readonly string[];
  readonly image?: Blob;
}

/** The first message to the thread: where the page's files are. */
export interface EmbedStart {
  readonly base: string;
}

/** The thread's answer. */
export interface EmbedAnswer {
  readonly id: number;
  readonly vectors?: readonly Float32Array[];
  /** Why there are none; `isInput` where a picture or text was the reason. */
  readonly problem?: { readonly message: string; readonly isInput: boolean };
}
