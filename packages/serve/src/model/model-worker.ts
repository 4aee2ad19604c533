import { parentPort, workerData } from 'node:worker_threads';
import { JointModel, load } from 'diptych';
import { END, type ModelCall, type ModelReply, sendError } from './protocol.js';

/** Lengths of rows of tokens are rounded up to this, and batches beyond it too: so engines compile few shapes. */
const STEP = 8;

const port = parentPort!;
const answer = (reply: ModelReply, transfer: ArrayBuffer[] = []) => port.postMessage(reply, transfer);

try {
  const { encoder, transform, tokenizer, tokenize } = await load((workerData as { folder: string }).folder);
  const model = new JointModel({
    encoder,
    transform,
    tokenizer,
    tokenize: { padToMultipleOf: STEP, ...tokenize },
  });
  let last: Promise<void> = Promise.resolve();
  const end = () => {
    model.dispose();
    port.close(); // nothing else keeps the thread
  };
  port.on('message', (call: ModelCall | typeof END) => {
    last = last.then(() => (call === END ? end() : work(model, call))); // one after the other: the engine has all cores for each
  });
  answer({ ready: { embedDim: model.embedDim, matches: encoder.matcher !== undefined, attends: model.attendsByWord } });
} catch (error) {
  answer({ failed: sendError(error) });
}

async function work(model: JointModel, { id, work, texts, images }: ModelCall): Promise<void> {
  try {
    if (work === 'attention') {
      const { maps, ...found } = await model.attentionByWord(images![0]!, texts![0]!);
      const { data, shape } = maps; // a class does not come through
      answer({ id, attention: { ...found, maps: { data, shape } as typeof maps } });
      return;
    }
    const size = (texts ?? images)!.length;
    const batch = size < STEP ? 2 ** Math.ceil(Math.log2(size)) : Math.ceil(size / STEP) * STEP;
    const fill = <Item>(items: readonly Item[]) => [
      ...items,
      ...Array.from({ length: batch - size }, () => items[size - 1]!),
    ];
    const options = { batchSize: batch };
    const data =
      work === 'match'
        ? (await model.matchLogits(fill(images!), fill(texts!), options)).slice(0, size)
        : (texts
            ? await model.embedText(fill(texts), options)
            : await model.embedImages(fill(images!), options)
          ).data.slice(0, size * model.embedDim);
    answer({ id, data }, [data.buffer as ArrayBuffer]);
  } catch (error) {
    answer({ id, error: sendError(error) });
  }
}
