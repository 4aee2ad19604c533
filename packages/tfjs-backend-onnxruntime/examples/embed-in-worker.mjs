// A server that embeds pictures in a worker thread, and goes on answering while the worker computes.
//
//   node examples/embed-in-worker.mjs          serves http://localhost:8080/embed and /health until interrupted
//   node examples/embed-in-worker.mjs --once   sends itself requests, prints how long they took, and stops
import { createServer } from 'node:http';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const [SIZE, WIDTH] = [64, 128];
if (isMainThread) await serve(process.argv.includes('--once'));
else await embed(parentPort);

/** In the worker: loads the engine and answers each message { id, pixels } with { id, vector }. */
async function embed(port) {
  await import('@diptych/tfjs-backend-onnxruntime');
  const tf = await import('@tensorflow/tfjs-core');
  const filter = tf.randomNormal([7, 7, 3, WIDTH], 0, 0.1);
  const encode = (pixels) => tf.mean(tf.relu(tf.conv2d(pixels, filter, 2, 'same')), [1, 2]);
  port.on('message', ({ id, pixels }) => {
    const vector = tf.tidy(() =>
      encode(tf.tensor4d(pixels, [pixels.length / SIZE ** 2 / 3, SIZE, SIZE, 3])).dataSync(),
    );
    // Moved, not copied: the array leaves this thread.
    port.postMessage({ id, vector }, [vector.buffer]);
  });
  port.postMessage({ ready: true });
}

/** In the main thread: a promise for each request, settled when the worker answers it. */
async function serve(once) {
  const worker = new Worker(new URL(import.meta.url));
  const waiting = new Map();
  let next = 0;
  await new Promise((resolve) => worker.once('message', resolve));
  worker.on('message', ({ id, vector }) => {
    waiting.get(id)(vector);
    waiting.delete(id);
  });
  const embedPixels = (pixels) =>
    new Promise((resolve) => {
      waiting.set(next, resolve);
      worker.postMessage({ id: next++, pixels }, [pixels.buffer]);
    });
  const server = createServer(async (request, response) => {
    if (request.url === '/health') return response.end('ok');
    const vector = await embedPixels(new Float32Array(32 * SIZE * SIZE * 3).map(Math.random));
    response.end(JSON.stringify({ length: vector.length }));
  }).listen(once ? 0 : 8080);
  await new Promise((resolve) => server.once('listening', resolve));
  if (!once) return;
  const base = `http://localhost:${server.address().port}`;
  const timed = async (path) => {
    const start = performance.now();
    const text = await (await fetch(base + path)).text();
    return { text, ms: Math.round(performance.now() - start) };
  };
  const embedding = timed('/embed');
  const health = await timed('/health');
  const { text, ms } = await embedding;
  console.log(`health answered in ${health.ms} ms while an embedding of ${text} took ${ms} ms`);
  server.close();
  await worker.terminate();
}
