import { resolve } from 'node:path';
import { ConfigError, checkMethods, checkOptions, type OptionNames } from '@diptych/core';
import { type ExactIndex, openIndex, type VectorStore } from '@diptych/search';
import { BodyReader } from './api/read-body.js';
import { createApp } from './app.js';
import { Gate } from './guard/check-caller.js';
import { checkListening, listen } from './guard/listen.js';
import { checkModelOf, readIndexFacts, writeIndexFacts } from './indexing/index-facts.js';
import type { IndexedCounts } from './indexing/index-pictures.js';
import { IndexingJob, type IndexingOptions } from './indexing/indexing-job.js';
import { modelId } from './indexing/model-id.js';
import { checkLimits, type Limits } from './limits.js';
import { Metrics } from './metrics.js';
import { BatchedModel } from './model/batched-model.js';
import type { Embedder } from './model/embedder.js';
import { ThreadedModel } from './model/threaded-model.js';
import { PictureFiles } from './pictures/picture-files.js';
import { Thumbnails } from './pictures/thumbnails.js';
import { readPage } from './routes/page.js';
import { BatchedSearch } from './search/batched-search.js';
import { ServedIndex } from './service.js';
import { RunsFolder } from './training/runs-folder.js';
import { pageFiles } from './training/training-page.js';

/** Options of {@link serve}. */
export interface ServeOptions {
  /** A model folder, which gets a thread of its own, or an object that embeds. Default: the folder that the index was made with. */
  readonly model?: string | Embedder;
  /** Pictures to search: a folder that `indexPictures` or `diptych index` made, or any vector store. Without one the server embeds only. */
  readonly index?: string | VectorStore;
  /** Pictures that go into the index, a folder, while the server answers over what is there. The index is made if it is not there. */
  readonly indexing?: IndexingOptions;
  /** The folder that `path` in the index's metadata counts from. Default: what the index says. */
  readonly pictures?: string;
  /** Where to listen; default 127.0.0.1, which this machine alone reaches. */
  readonly host?: string;
  /** Default 8080; 0 for one that is free. */
  readonly port?: number;
  /** What callers have to show as `Authorization: Bearer …`; any host but this machine's needs one, of 16 characters or more. */
  readonly token?: string;
  readonly limits?: Partial<Limits>;
  /** A folder of training runs, which the training page at `/training/` shows. */
  readonly runs?: string;
  /** The search page at `/`; default: where there is an index. */
  readonly page?: boolean;
  /** Takes errors of the server's own; default: standard error. */
  readonly onError?: (error: unknown) => void;
  /** The built script of the model's thread (`dist/model-worker.js` of this package), where a bundler moved it. */
  readonly workerFile?: string | URL;
  /** The folder of the built search page (`dist/page` of this package), where a bundler moved it. */
  readonly pageFolder?: string | URL;
  /** The same of the training page (`dist/training`). */
  readonly trainingPageFolder?: string | URL;
}

/** A server that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** What came of `indexing`; undefined without. */
  readonly indexed: Promise<IndexedCounts> | undefined;
  /** Takes no new requests, answers those that there are, for some seconds, and ends. */
  close(): Promise<void>;
}

const OPTIONS: OptionNames<ServeOptions> = {
  model: 'optional',
  index: 'optional',
  indexing: 'optional',
  pictures: 'optional',
  host: 'optional',
  port: 'optional',
  token: 'optional',
  runs: 'optional',
  limits: 'optional',
  page: 'optional',
  onError: 'optional',
  workerFile: 'optional',
  pageFolder: 'optional',
  trainingPageFolder: 'optional',
};
const WHERE = 'serve';
/** Milliseconds between two looks at what another program wrote into the index. */
const REFRESH = 2000;

/**
 * Serves a model, and an index of pictures, over HTTP: embeddings, search, matching, metrics, and a search page.
 *
 * ```ts ignore
 * const server = await serve({ model: 'runs/001', index: 'pictures.index' });
 * console.log(server.url);
 * ```
 *
 * @throws ConfigError for options that cannot be, such as another host without a token
 * @throws CheckpointError or StoreError if model or index cannot be opened
 */
export async function serve(options: ServeOptions): Promise<RunningServer> {
  checkOptions(WHERE, options, OPTIONS);
  const { host = '127.0.0.1', port = 8080, token, onError = console.error } = options;
  checkListening(WHERE, host, port, token);
  const limits = checkLimits(options.limits);
  const closing: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const { indexing } = options;
    checkIndexing(options);
    const facts = typeof options.index === 'string' ? await readIndexFacts(options.index) : undefined;
    // what is quick to fail comes first; an index that is to be made needs the model's width
    let store = indexing ? undefined : await openStore(options.index, closing);
    const modelGiven = options.model ?? facts?.model;
    if (facts?.modelId && typeof modelGiven === 'string') {
      checkModelOf(WHERE, options.index as string, facts, await modelId(modelGiven));
    }
    const embedder = await openModel(modelGiven, options.workerFile, closing);
    const writer = indexing && (await openWriter(options.index as string, modelGiven!, embedder, indexing, closing));
    store ??= await openStore(options.index, closing);
    checkWidths(embedder, store);
    const pictures = options.pictures ?? indexing?.root ?? facts?.pictures;
    const job = new IndexingJob();
    const thumbnails = new Thumbnails(limits.thumbnailBytes, limits.pixels);
    const bodies = new BodyReader(limits);
    const model: BatchedModel = new BatchedModel(embedder, {
      maxBatch: limits.batch,
      maxWaiting: limits.waiting,
      onBatch: (kind, size) => metrics.batches.observe({ kind }, size),
    });
    const metrics: Metrics = new Metrics({
      diptych_waiting_items: { help: 'Texts and pictures that wait for the model', read: () => model.waiting },
      diptych_waiting_searches: { help: 'Searches that wait for the index', read: () => index?.searches.waiting ?? 0 },
      diptych_body_bytes: { help: 'Of bodies that are worked on', read: () => bodies.held },
      diptych_thumbnail_bytes: { help: 'Of thumbnails in memory', read: () => thumbnails.bytes },
    });
    closing.push(() => metrics.close());
    const index =
      store &&
      new ServedIndex(
        store,
        new BatchedSearch(store, {
          maxBatch: limits.searches,
          maxWaiting: limits.waiting,
          onBatch: (size) => metrics.batches.observe({ kind: 'search' }, size),
        }),
      );
    await index?.read();
    const ending = new AbortController();
    closing.push(() => ending.abort());
    const gate = new Gate(host, token);
    const app = createApp({
      service: {
        model,
        index,
        indexing: job,
        files: store && pictures !== undefined ? new PictureFiles(resolve(pictures), store) : undefined,
        thumbnails,
        limits,
        alive: () => !(embedder instanceof ThreadedModel) || embedder.alive,
      },
      gate,
      metrics,
      bodies,
      page:
        (options.page ?? index !== undefined)
          ? readPage(options.pageFolder ?? new URL('./page/', import.meta.url))
          : undefined,
      training:
        options.runs === undefined
          ? undefined
          : {
              runs: new RunsFolder(options.runs),
              gate,
              bodies,
              thumbnails,
              page: pageFiles(options.trainingPageFolder),
              closing: ending.signal,
            },
      onError,
    });
    if (index) closing.push(refreshing(index, onError));
    const listening = await listen(app.fetch, { where: WHERE, host, port, limits });
    closing.push(listening.close);
    const indexed = writer && startIndexing(job, writer, embedder, indexing!, index!, { closing, onError });
    return { url: listening.url, port: listening.port, indexed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Closing = (() => Promise<void> | void)[];

function checkIndexing({ indexing, index }: ServeOptions): void {
  if (indexing === undefined || typeof index === 'string') return;
  throw new ConfigError({
    where: `${WHERE}: indexing`,
    expected: 'index as a folder, which the server writes to',
    got: index === undefined ? 'none' : 'a store',
    remedy: 'name a folder, or call indexPictures(store, …) yourself',
  });
}

/** An index to fill, which the server reads as it reads that of another program. */
async function openWriter(
  folder: string,
  model: string | Embedder,
  { embedDim }: Embedder,
  { root }: IndexingOptions,
  closing: Closing,
): Promise<ExactIndex> {
  const writer = await openIndex(folder, { embedDim });
  closing.push(() => writer.close());
  await writeIndexFacts(folder, { ...(typeof model === 'string' && { model }), pictures: root });
  return writer;
}

/** Indexes until it is done or the server closes, and gives the index free for others to write. */
function startIndexing(
  job: IndexingJob,
  writer: ExactIndex,
  model: Embedder,
  options: IndexingOptions,
  index: ServedIndex,
  { closing, onError }: { closing: Closing; onError: (error: unknown) => void },
): Promise<IndexedCounts> {
  const indexed = job.run(writer, model, options).finally(async () => {
    await writer.close();
    await index.refresh();
  });
  indexed.catch(onError);
  closing.push(async () => {
    job.stop();
    await indexed.catch(() => {});
  });
  return indexed;
}

async function openStore(index: ServeOptions['index'], closing: Closing): Promise<VectorStore | undefined> {
  if (index === undefined) return undefined;
  if (typeof index !== 'string') {
    checkMethods(`${WHERE}: index`, index, ['search', 'get', 'count'], 'openIndex(folder), or the path of an index');
    return index;
  }
  // another program may go on adding to it
  const opened = await openIndex(index, { readonly: true });
  closing.push(() => opened.close());
  return opened;
}

async function openModel(
  model: ServeOptions['model'],
  workerFile: ServeOptions['workerFile'],
  closing: Closing,
): Promise<Embedder> {
  if (model === undefined) {
    throw new ConfigError({
      where: WHERE,
      expected: 'a model',
      got: 'none',
      remedy: "pass { model: 'runs/001' }, or an index that was made with one",
    });
  }
  if (typeof model !== 'string') {
    checkMethods(`${WHERE}: model`, model, ['embedText', 'embedImages'], 'a model folder, or a JointModel');
    return model;
  }
  const threaded = await ThreadedModel.open(model, workerFile ?? new URL('./model-worker.js', import.meta.url));
  closing.push(() => threaded.close());
  return threaded;
}

function checkWidths({ embedDim }: Embedder, store: VectorStore | undefined): void {
  if (store === undefined || store.embedDim === embedDim) return;
  throw new ConfigError({
    where: WHERE,
    expected: `an index of width ${embedDim}, as the model has`,
    got: `width ${store.embedDim}`,
    remedy: 'index the pictures with this model, or serve the model that they were indexed with',
  });
}

function refreshing(index: ServedIndex, onError: (error: unknown) => void): () => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  let under = false;
  let next = 0;
  const timer = setInterval(() => {
    const began = performance.now();
    if (under || began < next) return;
    under = true;
    last = index
      .refresh()
      .catch(onError)
      .finally(() => {
        under = false;
        // a large index is read for the tenth part of the time at most
        next = performance.now() + 9 * (performance.now() - began);
      });
  }, REFRESH);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await last;
  };
}
