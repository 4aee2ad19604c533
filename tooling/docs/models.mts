// The saved models that the docs read, written by the packages themselves: runs/001 and the reference system's weights.
import { adapters, renameTensors, stateDict } from '@diptych/weights';
import { writeSafetensors } from '@diptych/weights/node';
import { save } from 'diptych';

await save('runs/001', { encoder: model, transform, tokenizer });
await writeSafetensors('reference.safetensors', renameTensors(await stateDict(model), adapters.toReference));
