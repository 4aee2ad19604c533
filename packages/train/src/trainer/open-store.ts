import { CheckpointError } from '@diptych/core';
import type { CheckpointStore } from './checkpoint-store.js';

/** Where the folder store lives; kept in a variable so that bundlers for browsers do not follow it. */
const NODE_ENTRY = '@diptych/train/node';

/**
 * The store of a folder, or the store itself.
 *
 * @throws CheckpointError if a folder is named where there is no file system
 */
export async function openStore(checkpoint: string | CheckpointStore): Promise<CheckpointStore> {
  if (typeof checkpoint !== 'string') return checkpoint;
  try {
    const node = (await import(/* @vite-ignore */ NODE_ENTRY)) as {
      FolderCheckpoints: new (folder: string) => CheckpointStore;
    };
    return new node.FolderCheckpoints(`${checkpoint}/checkpoints`);
  } catch (cause) {
    throw new CheckpointError(
      {
        where: `train: checkpoint ${checkpoint}`,
        problem: 'folders need Node, and @diptych/train/node cannot be loaded here',
        remedy: 'pass a CheckpointStore of your own',
      },
      { cause },
    );
  }
}
