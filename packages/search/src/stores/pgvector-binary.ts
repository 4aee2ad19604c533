/** Bytes of an array's head, of an element's length, and of a vector's head. */
const [ARRAY_HEAD, LENGTH, VECTOR_HEAD] = [20, 4, 4];

/**
 * Vectors as PostgreSQL receives an array of pgvector's type in its binary format (`array_recv`, `vector_recv`): nothing is printed, and
 * nothing is parsed.
 *
 * @param oid of the type `vector`, which each database gives anew
 */
export function vectorArray(vectors: readonly Float32Array[], embedDim: number, oid: number): Buffer {
  const size = VECTOR_HEAD + 4 * embedDim;
  const bytes = Buffer.alloc(ARRAY_HEAD + vectors.length * (LENGTH + size));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // one dimension, no nulls, the elements' type, how many, the first is number 1
  for (const [i, value] of [1, 0, oid, vectors.length, 1].entries()) view.setUint32(4 * i, value);
  let at = ARRAY_HEAD;
  for (const vector of vectors) {
    view.setInt32(at, size);
    view.setInt16(at + LENGTH, embedDim);
    at += LENGTH + VECTOR_HEAD;
    for (let i = 0; i < embedDim; i++, at += 4) view.setFloat32(at, vector[i]!);
  }
  return bytes;
}
