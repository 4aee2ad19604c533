import { parentPort, workerData } from 'node:worker_threads';
import { END, sendError } from '../model/protocol.js';
import { serveRuns, type WatchRunsOptions } from './serve-runs.js';

const port = parentPort!;
try {
  const server = await serveRuns({
    ...(workerData as WatchRunsOptions),
    onError: (error) => port.postMessage({ error: sendError(error) }),
  });
  port.on('message', async (message) => {
    if (message !== END) return;
    await server.close();
    port.close(); // nothing else keeps the thread
  });
  port.postMessage({ ready: { url: server.url, port: server.port } });
} catch (error) {
  port.postMessage({ failed: sendError(error) });
}
