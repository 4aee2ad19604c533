// The thread of the page that holds the model: ONNX Runtime in WebAssembly, one thread, which needs no headers of the server.
import { isDiptychError, plainSample, type TokenBatch } from '@diptych/core';
import { decodeImage, imageTransformFromOptions } from '@diptych/preprocess/image';
import { tokenizerFromOptions } from '@diptych/preprocess/text';
import { readText } from '@diptych/weights';
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url';
import * as ort from 'onnxruntime-web/wasm';
import type { EmbedAnswer, EmbedRequest, EmbedStart } from '../../static/embed-messages.js';
import { exifOrientation } from '../../static/exif-orientation.js';
import { type OpenedSite, openSite } from '../../static/open-site.js';

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL(wasm, import.meta.url).href };

const TOKENIZER = 'model/tokenizer/';

/** A tower, and what makes its input. */
type Tower<Input> = (input: Input) => Promise<Float32Array[]>;

class Model {
  readonly #opened: Promise<OpenedSite>;
  #text: Promise<Tower<readonly string[]>> | undefined;
  #image: Promise<Tower<Blob>> | undefined;

  constructor(base: string) {
    this.#opened = openSite(base);
    this.#opened.catch(() => {}); // whoever asks hears of it
  }

  async texts(texts: readonly string[]): Promise<Float32Array[]> {
    this.#text ??= this.#openText();
    this.#text.catch(() => {
      this.#text = undefined;
    });
    return (await this.#text)(texts);
  }

  async image(picture: Blob): Promise<Float32Array[]> {
    this.#image ??= this.#openImage();
    this.#image.catch(() => {
      this.#image = undefined;
    });
    return (await this.#image)(picture);
  }

  async #openText(): Promise<Tower<readonly string[]>> {
    const { site, source } = await this.#opened;
    const { file, options, tokenize } = site.text;
    const names = (await source.list()).filter((path) => path.startsWith(TOKENIZER));
    const files = Object.fromEntries(
      await Promise.all(
        names.map(async (path) => [path.slice(TOKENIZER.length), await readText(source, path)] as const),
      ),
    );
    const tokenizer = tokenizerFromOptions({ ...options, files });
    const session = await ort.InferenceSession.create(await source.read(file));
    // one after the other: with integers, what one text gives depends on the others of its batch
    return async (texts) => {
      const vectors: Float32Array[] = [];
      for (const text of texts) {
        const batch = tokenizer.encode([text], { truncation: true, ...tokenize });
        vectors.push(await embedding(session, tokenTensors(batch)));
      }
      return vectors;
    };
  }

  async #openImage(): Promise<Tower<Blob>> {
    const { site, source } = await this.#opened;
    const { file, shape, options } = site.image;
    const noParts = () => {
      throw new Error('steps of your own are not known here');
    };
    const transform = imageTransformFromOptions(options, noParts as never);
    const session = await ort.InferenceSession.create(await source.read(file));
    return async (picture) => {
      const pixels = new Float32Array(shape.reduce((product, size) => product * size, 1));
      const bytes = new Uint8Array(await picture.arrayBuffer());
      // upright, as the pictures of the index; what is so already goes through the decoders that Node has too
      const orient = exifOrientation(bytes) !== 1;
      const decoded = await decodeImage(bytes, { ...transform.decodeOptions, ...(orient && { orient }) });
      await transform.into(decoded, pixels, 0, plainSample);
      return [await embedding(session, { pixels: new ort.Tensor('float32', pixels, [1, ...shape]) })];
    };
  }
}

function tokenTensors({ inputIds, attentionMask, shape }: TokenBatch): Record<string, ort.Tensor> {
  const wide = (values: Int32Array) =>
    new ort.Tensor(
      'int64',
      BigInt64Array.from(values, (value) => BigInt(value)),
      shape,
    );
  return { input_ids: wide(inputIds), attention_mask: wide(attentionMask) };
}

async function embedding(session: ort.InferenceSession, feeds: Record<string, ort.Tensor>): Promise<Float32Array> {
  const { embedding } = await session.run(feeds, ['embedding']);
  return new Float32Array(embedding!.data as Float32Array);
}

let model: Model | undefined;
self.onmessage = async ({ data }: MessageEvent<EmbedStart | EmbedRequest>) => {
  if ('base' in data) {
    model = new Model(data.base);
    return;
  }
  const { id, texts, image } = data;
  const answer = (message: Omit<EmbedAnswer, 'id'>) => self.postMessage({ id, ...message });
  try {
    answer({ vectors: image ? await model!.image(image) : await model!.texts(texts!) });
  } catch (error) {
    const isInput = isDiptychError(error) && error.code === 'input';
    answer({ problem: { message: error instanceof Error ? error.message : String(error), isInput } });
  }
};
