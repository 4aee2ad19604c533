import { render } from 'preact';
import { App } from '../app.js';
import '../style.css';
import { openSite, readSiteIndex } from '../../static/open-site.js';
import { staticClient } from '../../static/static-client.js';
import { WorkerEmbedder } from '../../static/worker-embedder.js';

/** The page's folder: everything lies below it, wherever it was published. */
const base = new URL('.', location.href).href;

render(<Waiting />, document.body);
start().catch((error: unknown) => {
  render(<Failed message={error instanceof Error ? error.message : String(error)} />, document.body);
});

async function start(): Promise<void> {
  const worker = new Worker(new URL('./embed-worker.ts', import.meta.url), { type: 'module' });
  const embedder = new WorkerEmbedder(worker, base);
  const opened = await openSite(base);
  const client = staticClient(opened.site, await readSiteIndex(opened), embedder, base);
  render(<App client={client} />, document.body);
  // the first search would wait for the model
  embedder.texts(['a']).catch(() => {});
}

function Waiting() {
  return (
    <main>
      <h1>Search pictures</h1>
      <p role="status">Loading the pictures …</p>
    </main>
  );
}

function Failed({ message }: { readonly message: string }) {
  return (
    <main>
      <h1>Search pictures</h1>
      <p role="alert">{message}</p>
    </main>
  );
}
