"""What the library `tokenizers` knows of Unicode, for packages/preprocess/src/text/pipeline: its tables are older than Node's.

    python reference/gen_library_characters.py packages/preprocess/src/text/pipeline/library-characters.ts

Asks the library about each code point by itself, and Node (`node` in the path) for the normalizations that it would give.
"""
import json
import subprocess
import sys
from pathlib import Path

from tokenizers import normalizers

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
NODE = """
const codes = []; for (let c = 0; c < 0x110000; c++) if (c < 0xd800 || c >= 0xe000) codes.push(c);
const all = (make, form) => codes.map((c) => make(String.fromCodePoint(c)).normalize(form));
process.stdout.write(JSON.stringify([all((c) => c, 'NFD'), all((c) => c, 'NFKD'), all((c) => 'a\\u0345' + c, 'NFD'), all((c) => 'a' + c + '\\u0334', 'NFD')]));
"""


def ranges(codes):
    runs = []
    for c in codes:
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return " ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in runs)


nfd, nfkd, strip = normalizers.NFD(), normalizers.NFKD(), normalizers.StripAccents()
node = json.loads(subprocess.run(["node", "-e", NODE], capture_output=True, check=True).stdout)
ours = [[nfd.normalize_str(chr(c)) for c in CODES], [nfkd.normalize_str(chr(c)) for c in CODES],
        [nfd.normalize_str("a\u0345" + chr(c)) for c in CODES], [nfd.normalize_str("a" + chr(c) + "\u0334") for c in CODES]]
unknown = [c for i, c in enumerate(CODES) if any(a[i] != b[i] for a, b in zip(ours, node))]
marks = [c for c in CODES if strip.normalize_str(chr(c)) == ""]
Path(sys.argv[1]).write_text(f"""/**
 * Code points in hexadecimal, as the library `tokenizers` has them; made by `reference/gen_library_characters.py`.
 *
 * - `unknown`: characters that later versions of Unicode decompose or reorder, and that the library leaves alone
 * - `marks`: what `StripAccents` removes
 */
export const libraryCharacters = {{
  unknown:
    '{ranges(unknown)}',
  marks:
    '{ranges(marks)}',
}};
""")
