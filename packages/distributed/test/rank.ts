// One rank of a job, which does what argv[2] says.
import { mpi } from '@diptych/distributed';
import { communicatorChecks } from '@diptych/testing';

const [what, timeout = '60'] = process.argv.slice(2);
const communicator = await mpi({ timeout: Number(timeout) });
const { rank, size } = communicator;

/** Works on until something happens to it. */
async function work(at: (round: number) => void = () => {}): Promise<void> {
  for (let round = 0; ; round++) {
    at(round);
    await communicator.allReduce(new Float32Array(1000));
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (round === 20) console.log(`pid ${rank} ${process.pid}`);
  }
}

const roles: Readonly<Record<string, () => Promise<void>>> = {
  contract: async () => {
    for (const { name, run } of communicatorChecks()) {
      try {
        await run(communicator);
        if (rank === 0) console.log(`kept: ${name}`);
      } catch (error) {
        console.log(`broken on rank ${rank}: ${name}: ${String(error)}`);
        await communicator.abort(error);
      }
    }
    const failure = await communicator.barrier().then(() => undefined, String);
    await communicator.close();
    const after = await communicator.barrier().then(() => undefined, String);
    if (rank === 0) console.log(`size ${size}, ${failure ?? 'open'}, ${after}`);
  },
  work: () => work(),
  throws: () =>
    work((round) => {
      if (round === 10 && rank === size - 1) throw new Error('this rank has\na bad day');
    }),
  aborts: () =>
    work((round) => {
      if (round === 10 && rank === 0) void communicator.abort(new Error('the disk is full'));
    }),
  exits: () =>
    work((round) => {
      if (round === 10 && rank === 1) process.exit(3);
    }),
  // the others still wait for it in a collective
  hangs: () =>
    work((round) => {
      if (round === 10 && rank === 1) for (;;) Math.random();
    }),
  lengths: async () => {
    const failure = await communicator.allGather(new Uint8Array(rank + 1), [1, 1]).then(() => 'none', String);
    console.log(`rank ${rank}: ${failure}`);
    if (rank === 0) await communicator.abort(failure);
  },
  twice: async () => {
    console.log(await mpi().then(() => 'joined', String));
    await communicator.close();
  },
  // leaves without close
  forgets: async () => {
    await communicator.barrier();
  },
};

await roles[what!]!();
