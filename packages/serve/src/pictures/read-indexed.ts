import { readFile } from 'node:fs/promises';
import { HttpError } from '../api/problem.js';
import { filesOf, type Service } from '../service.js';
import { checkUpload } from './check-upload.js';

/**
 * The bytes of a picture of the index, within the limits of what is sent.
 *
 * @throws HttpError 404 if it is not there, 413 if it is too large, 501 where the server has no pictures
 */
export async function readIndexed(service: Service, where: string, id: string): Promise<Uint8Array> {
  const { pixels, bytes } = service.limits;
  const { file, path, size } = await filesOf(service, where).open(id);
  await file.close();
  if (size > bytes) throw new HttpError(413, { where: id, expected: `at most ${bytes} bytes`, got: `${size}` });
  return checkUpload(`${where}: ${id}`, await readFile(path), pixels);
}
