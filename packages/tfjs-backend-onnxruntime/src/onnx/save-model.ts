import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { OnnxGraph } from './graph.js';
import { MAX_MODEL_BYTES, writeModel, writeModelWithExternalData } from './write-model.js';

/** How {@link saveModel} lays out a model on disk. */
export interface SaveModelOptions {
  /** Put weights into `<path>.data`; by default only when they exceed what one ONNX file can hold (2 GB). */
  externalData?: boolean;
}

/**
 * Writes a graph as an ONNX file, with its weights in `<path>.data` beside it when they are above 2 GB.
 *
 * @returns the files written
 * @throws EngineError as `writeModel`; the file system's own errors
 */
export async function saveModel(path: string, graph: OnnxGraph, options: SaveModelOptions = {}): Promise<string[]> {
  const bytes = graph.initializers.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (!(options.externalData ?? bytes > MAX_MODEL_BYTES)) {
    await writeChunks(path, [{ offset: 0, bytes: writeModel(graph) }]);
    return [path];
  }
  const dataPath = `${path}.data`;
  const { model, chunks } = writeModelWithExternalData(graph, basename(dataPath));
  await writeChunks(dataPath, chunks);
  await writeChunks(path, [{ offset: 0, bytes: model }]);
  return [path, dataPath];
}

/** Writes in pieces: one write call takes at most 2 GiB on Linux. */
async function writeChunks(path: string, chunks: readonly { offset: number; bytes: Uint8Array }[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    for (const { offset, bytes } of chunks) {
      for (let at = 0; at < bytes.byteLength; at += WRITE_BYTES) {
        const piece = bytes.subarray(at, at + WRITE_BYTES);
        await file.write(piece, 0, piece.byteLength, offset + at);
      }
    }
  } finally {
    await file.close();
  }
}

const WRITE_BYTES = 2 ** 28;
