import { existsSync } from 'node:fs';
import type { InitAnswers } from '../config/config-text.js';
import { DEFAULT_TOWERS } from '../job/towers/tower-names.js';
import { userPath } from './user-path.js';

/** The questions of `@clack/prompts` that are used; tests answer in its place. */
export type Prompts = Pick<
  typeof import('@clack/prompts'),
  'intro' | 'outro' | 'cancel' | 'isCancel' | 'text' | 'select'
>;

type Towers = Pick<InitAnswers, 'image' | 'text' | 'model'>;

/** By name, as they are asked for. */
const TOWERS = {
  auto: {},
  clip: { model: 'openai/clip-vit-base-patch32' },
  siglip: { model: 'google/siglip-base-patch16-224' },
  scratch: { image: 'scratch', text: 'scratch' },
} as const satisfies Record<string, Towers>;

const SPLITS: { value: InitAnswers['split']; label: string; hint: string }[] = [
  { value: 'base', label: 'by picture', hint: 'captions of one picture stay on one side' },
  { value: 'random', label: 'by pair', hint: 'each pair by itself' },
];

/**
 * Asks for what flags leave open, at most four questions.
 *
 * @returns undefined if the person changed their mind
 */
export async function askForConfig(given: Partial<InitAnswers>, prompts: Prompts): Promise<InitAnswers | undefined> {
  const { intro, outro, cancel, isCancel, text, select } = prompts;
  intro('diptych init');
  const { image, text: textTower, model } = given;
  const named: Towers | undefined =
    (image ?? textTower ?? model) ? without({ image, text: textTower, model }) : undefined;
  const questions = {
    data: () =>
      text({
        message: 'Where are the captioned pictures?',
        placeholder: 'a folder, or a table: pictures, pairs.csv, pairs.jsonl, pairs.parquet',
        validate: (path) => (path && existsSync(userPath(path)) ? undefined : 'there is nothing of that name'),
      }),
    towers: () =>
      select({
        message: 'What shall it begin with?',
        options: [
          { value: 'auto', label: 'small trained towers', hint: `${DEFAULT_TOWERS.image}, all-MiniLM-L6-v2: 109 MB` },
          { value: 'clip', label: 'CLIP', hint: `${TOWERS.clip.model}: 605 MB` },
          { value: 'siglip', label: 'SigLIP', hint: `${TOWERS.siglip.model}: 813 MB` },
          { value: 'scratch', label: 'nothing', hint: 'no downloads; many pairs are needed' },
        ] satisfies { value: keyof typeof TOWERS; label: string; hint: string }[],
      }),
    split: () => select({ message: 'How shall pairs be held out for evaluation?', options: SPLITS }),
    runs: () =>
      text({
        message: 'Where shall runs go?',
        initialValue: 'runs',
        validate: (path) => (path ? undefined : 'a folder'),
      }),
  };
  const data = given.data ?? (await questions.data());
  const towers = isCancel(data) ? data : (named ?? (await questions.towers()));
  const split = isCancel(towers) ? towers : (given.split ?? (await questions.split()));
  const runs = isCancel(split) ? split : (given.runs ?? (await questions.runs()));
  if (isCancel(data) || isCancel(towers) || isCancel(split) || isCancel(runs)) {
    cancel('nothing was written');
    return undefined;
  }
  outro('thank you');
  const chosen: Towers = typeof towers === 'string' ? TOWERS[towers] : towers;
  return {
    data: given.data ?? userPath(data),
    split,
    runs: given.runs ?? userPath(runs),
    ...chosen,
  };
}

/** Without keys that nobody gave. */
function without(towers: { readonly [side in keyof Towers]: string | undefined }): Towers {
  return Object.fromEntries(Object.entries(towers).filter(([, name]) => name !== undefined));
}
