// One rank of bench/distributed-step.bench.mjs, or a process alone: steps of the small model, and what went over the wire.
// argv: batch size of all ranks, steps, chunk size or 0, `rank` where it is one of several.
import './backend.mjs';
import { mpi } from '@diptych/distributed';
import { AdamW, Trainer } from '@diptych/train';
import { BenchLoss, buildModel, makeBatch } from './dual-model.mjs';

const [size, steps, chunkSize] = process.argv.slice(2, 5).map(Number);
const communicator = process.argv[5] === 'rank' ? counted(await mpi()) : undefined;
const { rank = 0, size: ranks = 1 } = communicator ?? {};

/** Bytes that this rank hands over. */
function counted(inner) {
  const count = { bytes: 0 };
  const counting =
    (name) =>
    (values, ...rest) => {
      count.bytes += values?.byteLength ?? 0;
      return inner[name](values, ...rest);
    };
  const names = ['allReduce', 'allGather', 'reduceScatter', 'broadcast', 'barrier'];
  return {
    count,
    rank: inner.rank,
    size: inner.size,
    ...Object.fromEntries(names.map((name) => [name, counting(name)])),
    abort: (reason) => inner.abort(reason),
    close: () => inner.close(),
  };
}

const model = buildModel('small');
const whole = makeBatch({ size });
const share = shareOf(whole);
const optimizer = new AdamW({ learningRate: 5e-5, weightDecay: 0.01, decayOn: 'all' });
const options = { loss: new BenchLoss(), optimizer, rhythmEvery: 0, ...(chunkSize > 0 && { chunkSize }) };
const trainer = new Trainer(model, { ...options, communicator });
const times = [];
const bytes = [];
await trainer.fit(
  { epoch: () => [share] },
  {
    steps: steps + 2,
    onEvent: () => {},
    onStep: () => {
      times.push(performance.now() / 1000);
      bytes.push(communicator?.count.bytes ?? 0);
    },
  },
);
if (rank === 0) {
  const differences = (of) => of.slice(2).map((value, i) => value - of[i + 1]);
  console.log(JSON.stringify({ seconds: differences(times), bytes: differences(bytes)[0] }));
}
await communicator?.close();
process.exit(0);

function shareOf({ pixels, tokens, ids }) {
  const [from, to] = [rank, rank + 1].map((of) => Math.floor((of * size) / ranks));
  const rows = (values, width) => values.slice(from * width, to * width);
  const [, height, width, channels] = pixels.shape;
  const [, length] = tokens.shape;
  return {
    size: to - from,
    pixels: { data: rows(pixels.data, height * width * channels), shape: [to - from, height, width, channels] },
    tokens: {
      shape: [to - from, length],
      inputIds: rows(tokens.inputIds, length),
      attentionMask: rows(tokens.attentionMask, length),
    },
    ids: ids.slice(from, to),
  };
}
