import * as v from 'valibot';
import type { Limits } from '../limits.js';
import type { Operation } from './operations.js';
import { HttpError } from './problem.js';

/** Reads bodies, each and all together up to a limit. */
export class BodyReader {
  readonly #limits: Limits;
  #held = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Bytes of all bodies that are being worked on. */
  get held(): number {
    return this.#held;
  }

  /**
   * Reads and checks a body, and holds its bytes while `work` runs.
   *
   * @throws HttpError 413, 415, 429 or 400 that names what is wrong with it
   */
  async with<Result>(
    request: Request,
    operation: Operation,
    work: (body: unknown) => Promise<Result>,
  ): Promise<Result> {
    const { bytes: most, bytesTogether } = this.#limits;
    const length = Number(request.headers.get('content-length') ?? most);
    if (length > most) throw tooLarge(most, `${length} bytes`);
    const held = Number.isSafeInteger(length) && length >= 0 ? length : most;
    if (this.#held + held > bytesTogether) {
      throw new HttpError(429, { where: operation.path, problem: 'too many large requests at once' });
    }
    this.#held += held;
    try {
      const bytes = await readBytes(request, most);
      return await work(checked(operation.body!, await parsed(request, operation, bytes), operation.path));
    } finally {
      this.#held -= held;
    }
  }
}

/** @throws HttpError 400 that names each thing that is wrong */
export function checked<Schema extends v.GenericSchema>(schema: Schema, value: unknown, where: string) {
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;
  const said = result.issues.slice(0, 5).map((issue) => {
    const path = v.getDotPath(issue);
    return path === null ? issue.message : `${path}: ${issue.message}`;
  });
  const [first] = result.issues;
  throw new HttpError(400, {
    where: [where, v.getDotPath(first)].filter(Boolean).join(': '),
    expected: first.expected ?? undefined,
    got: first.received.slice(0, 200),
    problem: said.join('; ').slice(0, 1000),
    remedy: 'GET /openapi.json says what is taken',
  });
}

async function readBytes(request: Request, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const part of (request.body ?? []) as AsyncIterable<Uint8Array> | Uint8Array[]) {
      size += part.length;
      if (size > most) throw tooLarge(most, 'more');
      parts.push(part);
    }
  } catch (cause) {
    if (cause instanceof HttpError) throw cause;
    throw new HttpError(400, { where: 'the body', problem: 'it ended before it was whole' }, { cause });
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function tooLarge(most: number, got: string): HttpError {
  return new HttpError(413, {
    where: 'the body',
    expected: `at most ${most} bytes`,
    got,
    remedy: 'send a smaller picture, or fewer at once',
  });
}

async function parsed(
  request: Request,
  { path, pictures }: Operation,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<unknown> {
  const type = request.headers.get('content-type') ?? 'none';
  if (/^application\/json\b/i.test(type)) return parsedJson(path, new TextDecoder().decode(bytes));
  if (pictures && /^multipart\/form-data\b/i.test(type)) return formBody(path, pictures, type, bytes);
  throw new HttpError(415, {
    where: path,
    expected: `content-type application/json${pictures ? ' or multipart/form-data' : ''}`,
    got: type.slice(0, 100),
  });
}

function parsedJson(where: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new HttpError(400, { where, expected: 'JSON', got: (cause as Error).message.slice(0, 200) }, { cause });
  }
}

async function formBody(
  where: string,
  pictures: readonly string[],
  type: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<unknown> {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
  } catch (cause) {
    throw new HttpError(400, { where, expected: 'multipart/form-data', got: 'a body that is not' }, { cause });
  }
  const request = form.get('request');
  const body = typeof request === 'string' ? parsedJson(`${where}: request`, request) : {};
  if (typeof body !== 'object' || body === null) return body;
  for (const [name, part] of form) {
    if (name === 'request') continue;
    if (!pictures.includes(name) || typeof part === 'string') {
      throw new HttpError(400, {
        where,
        expected: `the parts request (JSON) and ${pictures.join(', ')} (files)`,
        got: `${typeof part === 'string' ? 'a text' : 'a file'} ${name}`,
      });
    }
    const picture = new Uint8Array(await part.arrayBuffer());
    const fields = body as Record<string, unknown>;
    if (!name.endsWith('s')) fields[name] = picture;
    else fields[name] = [...((fields[name] as unknown[] | undefined) ?? []), picture];
  }
  return body;
}
