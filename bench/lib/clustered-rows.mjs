const CENTRES = 2000;
const centres = new Map();

function centresOf(width) {
  if (!centres.has(width)) {
    const made = Array.from({ length: CENTRES }, (_, c) =>
      Float64Array.from({ length: width }, (_, i) => Math.sin(c * 7919 + i * i)),
    );
    centres.set(width, made);
  }
  return centres.get(width);
}

/** Rows around 2,000 centres, as embeddings are, of length 1: [count, width], the same for the same seed. */
export function clusteredRows(count, width, seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const data = new Float32Array(count * width);
  for (let row = 0; row < count; row++) {
    const centre = centresOf(width)[Math.floor((next() + 0.5) * CENTRES)];
    let squares = 0;
    for (let i = 0; i < width; i++) {
      const value = centre[i] + 1.5 * (next() + next());
      data[row * width + i] = value;
      squares += value * value;
    }
    for (let i = 0; i < width; i++) data[row * width + i] /= Math.sqrt(squares);
  }
  return data;
}
