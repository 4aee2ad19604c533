import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  CheckpointError,
  type JsonObject,
  type Kinds,
  type PartDescription,
  type TokenizeOptions,
} from '@diptych/core';
import { FolderCheckpoints } from '@diptych/train/node';
import { loadState } from '@diptych/weights';
import { buildParts } from './build-parts.js';
import { JointModel } from './joint-model.js';

/** What a checkpoint says of the batches that it was trained on. */
interface Inputs {
  readonly transform: PartDescription;
  readonly tokenizer: PartDescription;
  readonly tokenize: TokenizeOptions;
}

/**
 * The model of a folder that `fit` wrote: its best checkpoint, or the last where none was validated; of a run with `ema` the averaged
 * weights, as timm loads them.
 *
 * @returns undefined if `model.json` is there, which is the finished model, or no checkpoint
 * @throws CheckpointError if all checkpoints are damaged, or do not say how model, transform and tokenizer are built
 */
export async function loadRun(folder: string, parts: Kinds): Promise<JointModel | undefined> {
  const store = new FolderCheckpoints(join(folder, 'checkpoints'));
  if (existsSync(join(folder, 'model.json')) || store.list().length === 0) return undefined;
  const damaged: string[] = [];
  const note = (_: string, message: string) => {
    damaged.push(message);
  };
  const snapshot = (await store.load('best', note)) ?? (await store.load('latest', note));
  const where = `diptych.load: ${folder}`;
  if (!snapshot) throw new CheckpointError({ where, problem: `every checkpoint is damaged: ${damaged[0]}` });
  const { settings, inputs } = snapshot.state as { settings?: JsonObject; inputs?: JsonObject };
  if (!settings?.model || !inputs) {
    throw new CheckpointError({
      where,
      expected: 'checkpoints that say how model, transform and tokenizer are built',
      got: `none of ${settings?.model ? 'transform and tokenizer' : 'the model'}`,
      remedy:
        "train from a DataLoader and with parts that have describe(); or build the model, trainer.resume(folder, 'best'), then save(folder, { encoder, transform, tokenizer })",
    });
  }
  // as takeSnapshot wrote them; buildParts checks what they say
  const { transform, tokenizer, tokenize } = inputs as unknown as Inputs;
  const files = await mkdtemp(join(tmpdir(), 'diptych-load-'));
  try {
    for (const [name, content] of Object.entries(snapshot.files ?? {}))
      await writeFile(join(files, basename(name)), content);
    // as describe() of the model gave it
    const model = settings.model as unknown as PartDescription;
    const { encoder, ...made } = buildParts({ model, transform, tokenizer }, parts, { folder: files });
    try {
      const { model: trained, ema = new Map() } = snapshot.tensors;
      const own = [...trained!].filter(([name]) => !name.startsWith('loss.'));
      loadState(encoder, new Map(own.map(([name, tensor]) => [name, ema.get(name) ?? tensor])));
    } catch (error) {
      encoder.dispose();
      throw error;
    }
    return new JointModel({ encoder, ...made, tokenize });
  } finally {
    await rm(files, { recursive: true, force: true });
  }
}
