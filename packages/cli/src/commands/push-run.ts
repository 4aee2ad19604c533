import { pushFolder } from '@diptych/weights/node';
import { showCount } from '../terminal/progress.js';
import { keepOutputForJson, say } from '../terminal/say.js';

/** What `push` was asked for. */
export interface PushFlags {
  readonly public: boolean;
  readonly revision?: string;
  readonly message?: string;
  readonly endpoint?: string;
  readonly json: boolean;
}

/** The work of `diptych push`. */
export async function push(flags: PushFlags, folder: string, model: string): Promise<void> {
  const { public: isPublic, revision, message, endpoint, json } = flags;
  if (json) keepOutputForJson();
  const progress = showCount('uploaded', undefined);
  try {
    const report = await pushFolder(folder, model, {
      public: isPublic,
      revision,
      message,
      endpoint,
      onProgress: ({ done }) => progress.update(done),
    });
    progress.stop();
    const { url, commit, created, files } = report;
    say(
      `${files.length} files in ${url}, commit ${commit.slice(0, 12)}${created ? `, a new ${isPublic ? 'public' : 'private'} repository` : ''}`,
    );
    if (json) console.log(JSON.stringify(report));
  } finally {
    progress.stop();
  }
}
