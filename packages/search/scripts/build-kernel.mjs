// Writes src/scan/kernel.wasm.ts: dot products of stored rows with queries in WebAssembly SIMD, made from the templates below,
// so that neither installs nor bundlers need a toolchain. Run after editing; a test compares the bytes with a fresh compile.
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import wabtInit from 'wabt';

/**
 * How 16 elements of a row become vectors, and how they are multiplied with a query's. Rows lie as float32, as float16 or as
 * bytes (a number + 128); queries as float32, beside bytes as int16.
 */
const DTYPES = {
  float32: {
    rowStep: 64,
    queryStep: 64,
    accumulate: 'f32x4.add',
    parts: [0, 16, 32, 48].map((at) => ({
      row: (pointer) => `(v128.load offset=${at} ${pointer})`,
      queryAt: at,
      product: (x, q) => `(f32x4.mul ${x} ${q})`,
    })),
  },
  float16: {
    rowStep: 32,
    queryStep: 64,
    accumulate: 'f32x4.add',
    // The bits of a half, shifted to where a float has them, are its value times 2^-112; the query makes up for that.
    parts: [0, 8, 16, 24].map((at, i) => ({
      row: (pointer) =>
        `(v128.and (i32x4.shl (v128.load16x4_s offset=${at} ${pointer}) (i32.const 13)) (v128.const i32x4 0x8fffe000 0x8fffe000 0x8fffe000 0x8fffe000))`,
      queryAt: 16 * i,
      product: (x, q) => `(f32x4.mul ${x} ${q})`,
    })),
  },
  int8: {
    rowStep: 16,
    queryStep: 32,
    accumulate: 'i32x4.add',
    parts: [0, 8].map((at, i) => ({
      row: (pointer) => `(v128.load8x8_u offset=${at} ${pointer})`,
      queryAt: 16 * i,
      product: (x, q) => `(i32x4.dot_i16x8_s ${x} ${q})`,
    })),
  },
};

const get = (name) => `(local.get $${name})`;
const set = (name, value) => `(local.set $${name} ${value})`;
const add = (name, value) => set(name, `(i32.add ${get(name)} ${value})`);
const times = (count, body) => Array.from({ length: count }, (_, i) => body(i)).join('\n');
const lanes = (a, b, picked) =>
  `(i8x16.shuffle ${picked.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)).join(' ')} ${get(a)} ${get(b)})`;

/** The sums of four accumulators, as the four lanes of one vector (left on the stack). */
function fourSums(sum, [a, b, c, d]) {
  return `
    ${set('left', `(${sum} ${lanes(a, b, [0, 1, 4, 5])} ${lanes(a, b, [2, 3, 6, 7])})`)}
    ${set('right', `(${sum} ${lanes(c, d, [0, 1, 4, 5])} ${lanes(c, d, [2, 3, 6, 7])})`)}
    ${set('left', `(${sum} ${lanes('left', 'right', [0, 2, 4, 6])} ${lanes('left', 'right', [1, 3, 5, 7])})`)}`;
}

/**
 * Scores of rows with one query: out[row], each sum begun with starts[0]. Four rows at a time, from the four quarters of the block:
 * memory is read by pages, and where one stream waits for its next page the others go on, which makes it twice as fast
 * as rows that follow each other. The number of rows is that of a quarter.
 */
function one(name, { rowStep, queryStep, parts, accumulate }) {
  return `
  (func (export "one_${name}") (param $x0 i32) (param $stride i32) (param $rows i32) (param $query i32) (param $starts i32) (param $steps i32) (param $out0 i32)
    (local $q i32) (local $left v128) (local $right v128) (local $step i32) (local $query4 v128)
    ${times(3, (r) => `(local $x${r + 1} i32) (local $out${r + 1} i32)`)}
    ${times(4, (r) => `(local $sum${r} v128)`)}
    ${times(3, (r) => set(`x${r + 1}`, `(i32.add ${get(`x${r}`)} (i32.mul ${get('rows')} ${get('stride')}))`))}
    ${times(3, (r) => set(`out${r + 1}`, `(i32.add ${get(`out${r}`)} (i32.shl ${get('rows')} (i32.const 2)))`))}
    (loop $nextRows
      ${times(4, (r) => set(`sum${r}`, `(v128.load32_zero ${get('starts')})`))}
      ${set('q', get('query'))}
      ${set('step', get('steps'))}
      (loop $nextStep
        ${parts
          .map(({ row, queryAt, product }) => {
            const load = set('query4', `(v128.load offset=${queryAt} ${get('q')})`);
            return `${load}
        ${times(4, (r) => set(`sum${r}`, `(${accumulate} ${get(`sum${r}`)} ${product(row(get(`x${r}`)), get('query4'))})`))}`;
          })
          .join('\n')}
        ${times(4, (r) => add(`x${r}`, `(i32.const ${rowStep})`))}
        ${add('q', `(i32.const ${queryStep})`)}
        (br_if $nextStep (local.tee $step (i32.sub ${get('step')} (i32.const 1)))))
      ${fourSums(accumulate, ['sum0', 'sum1', 'sum2', 'sum3'])}
      ${times(4, (r) => `(v128.store32_lane ${r} ${get(`out${r}`)} ${get('left')}) ${add(`out${r}`, '(i32.const 4)')}`)}
      (br_if $nextRows (local.tee $rows (i32.sub ${get('rows')} (i32.const 1))))))`;
}

/** Scores of rows with groups of four queries, two rows at a time: out[row][query]. The number of rows is even. */
function many(name, { rowStep, queryStep, parts, accumulate }) {
  const sums = (row) => [0, 1, 2, 3].map((query) => `sum${row}${query}`);
  return `
  (func (export "many_${name}") (param $x i32) (param $stride i32) (param $rows i32) (param $queries i32) (param $queryStride i32) (param $groups i32) (param $starts i32) (param $steps i32) (param $out i32)
    (local $group i32) (local $start i32) (local $step i32) (local $width i32) (local $x0 i32) (local $x1 i32)
    (local $left v128) (local $right v128) (local $row0 v128) (local $row1 v128) (local $query4 v128)
    ${times(4, (q) => `(local $q${q} i32) (local $sum0${q} v128) (local $sum1${q} v128)`)}
    ${set('width', `(i32.mul ${get('groups')} (i32.const 16))`)}
    (loop $nextRows
      ${set('group', get('groups'))}
      ${set('q0', get('queries'))}
      ${set('start', get('starts'))}
      (loop $nextGroup
        ${times(3, (q) => set(`q${q + 1}`, `(i32.add ${get(`q${q}`)} ${get('queryStride')})`))}
        ${set('x0', get('x'))}
        ${set('x1', `(i32.add ${get('x')} ${get('stride')})`)}
        ${[0, 1].map((r) => times(4, (q) => set(`sum${r}${q}`, `(v128.load32_zero offset=${4 * q} ${get('start')})`))).join('\n')}
        ${add('start', '(i32.const 16)')}
        ${set('step', get('steps'))}
        (loop $nextStep
          ${parts
            .map(
              ({ row, queryAt, product }) => `${set('row0', row(get('x0')))} ${set('row1', row(get('x1')))}
          ${times(
            4,
            (q) => `${set('query4', `(v128.load offset=${queryAt} ${get(`q${q}`)})`)}
          ${[0, 1].map((r) => set(`sum${r}${q}`, `(${accumulate} ${get(`sum${r}${q}`)} ${product(get(`row${r}`), get('query4'))})`)).join('\n')}`,
          )}`,
            )
            .join('\n')}
          ${add('x0', `(i32.const ${rowStep})`)}
          ${add('x1', `(i32.const ${rowStep})`)}
          ${times(4, (q) => add(`q${q}`, `(i32.const ${queryStep})`))}
          (br_if $nextStep (local.tee $step (i32.sub ${get('step')} (i32.const 1)))))
        ${fourSums(accumulate, sums(0))}
        (v128.store ${get('out')} ${get('left')})
        ${fourSums(accumulate, sums(1))}
        (v128.store (i32.add ${get('out')} ${get('width')}) ${get('left')})
        ${add('out', '(i32.const 16)')}
        ${set('q0', `(i32.add ${get('q3')} (i32.sub ${get('queryStride')} (i32.mul ${get('steps')} (i32.const ${queryStep}))))`)}
        (br_if $nextGroup (local.tee $group (i32.sub ${get('group')} (i32.const 1)))))
      ${add('out', get('width'))}
      ${add('x', `(i32.mul ${get('stride')} (i32.const 2))`)}
      (br_if $nextRows (local.tee $rows (i32.sub ${get('rows')} (i32.const 2))))))`;
}

/** Those of four scores that exceed their thresholds: the scores stay in memory, their numbers go to `out`, which moves on. */
const keep = `
      ${set('bits', `(i32x4.bitmask (f32x4.gt ${get('score')} ${get('threshold4')}))`)}
      (if ${get('bits')} (then
        (v128.store ${get('scores')} ${get('score')})
        ${times(
          4,
          (lane) => `(if (i32.and ${get('bits')} (i32.const ${1 << lane})) (then
          (i32.store ${get('out')} (i32.add ${get('index')} (i32.const ${lane})))
          ${add('out', '(i32.const 4)')}))`,
        )}))
      ${add('scores', '(i32.const 16)')}
      ${add('index', '(i32.const 4)')}`;

/** Scores times their rows' factors, and which of them exceed their query's threshold. Returns the end of that list. */
function select(name, load) {
  return `
  (func (export "selectOne_${name}") (param $scores i32) (param $index i32) (param $end i32) (param $factors i32) (param $threshold f32) (param $out i32) (result i32)
    (local $score v128) (local $threshold4 v128) (local $bits i32)
    ${set('threshold4', `(f32x4.splat ${get('threshold')})`)}
    ${add('scores', `(i32.shl ${get('index')} (i32.const 2))`)}
    ${add('factors', `(i32.shl ${get('index')} (i32.const 2))`)}
    (loop $next
      ${set('score', `(f32x4.mul ${load(get('scores'))} (v128.load ${get('factors')}))`)}
      ${add('factors', '(i32.const 16)')}
      ${keep}
      (br_if $next (i32.lt_u ${get('index')} ${get('end')})))
    ${get('out')})
  (func (export "selectMany_${name}") (param $scores i32) (param $row i32) (param $end i32) (param $factors i32) (param $thresholds i32) (param $groups i32) (param $out i32) (result i32)
    (local $score v128) (local $threshold4 v128) (local $factor v128) (local $bits i32) (local $index i32) (local $group i32) (local $threshold i32)
    ${set('index', `(i32.shl (i32.mul ${get('row')} ${get('groups')}) (i32.const 2))`)}
    ${add('scores', `(i32.shl ${get('index')} (i32.const 2))`)}
    (loop $nextRow
      ${set('factor', `(v128.load32_splat (i32.add ${get('factors')} (i32.shl ${get('row')} (i32.const 2))))`)}
      ${set('threshold', get('thresholds'))}
      ${set('group', get('groups'))}
      (loop $next
        ${set('score', `(f32x4.mul ${load(get('scores'))} ${get('factor')})`)}
        ${set('threshold4', `(v128.load ${get('threshold')})`)}
        ${add('threshold', '(i32.const 16)')}
        ${keep}
        (br_if $next (local.tee $group (i32.sub ${get('group')} (i32.const 1)))))
      (br_if $nextRow (i32.lt_u (local.tee $row (i32.add ${get('row')} (i32.const 1))) ${get('end')})))
    ${get('out')})`;
}

/** The module as text. */
export function kernelText() {
  return `(module
  (import "env" "memory" (memory 1))
  ${Object.entries(DTYPES)
    .map(([name, dtype]) => one(name, dtype) + many(name, dtype))
    .join('\n')}
  ${select('float32', (pointer) => `(v128.load ${pointer})`)}
  ${select('int32', (pointer) => `(f32x4.convert_i32x4_s (v128.load ${pointer}))`)})`;
}

/** The checked-in TypeScript file. */
export async function kernelSource() {
  const wabt = await wabtInit();
  const module = wabt.parseWat('kernel.wat', kernelText(), { simd: true });
  const { buffer } = module.toBinary({});
  module.destroy();
  const base64 = Buffer.from(buffer)
    .toString('base64')
    .replace(/.{1,100}/g, "  '$&' +\n")
    .slice(0, -3);
  return `// Made by scripts/build-kernel.mjs; do not edit.

/** The WebAssembly binary, base64. */
export const kernelWasm =
${base64};
`;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync(new URL('../src/scan/kernel.wasm.ts', import.meta.url), await kernelSource());
}
