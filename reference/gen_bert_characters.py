"""Character classes of the BERT normalizer and pre-tokenizer of the `tokenizers` library, asked one code point at a time.

They follow an old version of Unicode, so that no property escape of a regular expression equals them.

    python reference/gen_bert_characters.py packages/preprocess/src/text/bert-character-ranges.ts
"""
import sys

import tokenizers
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

clean = BertNormalizer(clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False)
chinese = BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False)
strip = BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
split = BertPreTokenizer()


def pieces(char):
    return [piece for piece, _ in split.pre_tokenize_str(f"a{char}b")]


CLASSES = {
    "removed": ("Removed by `clean_text`: control, format and private-use characters, NUL, U+FFFD.",
                lambda char: clean.normalize_str(char) == ""),
    "space": ("Becomes a space by `clean_text`.", lambda char: clean.normalize_str(char) == " "),
    "ideograph": ("Gets spaces around it by `handle_chinese_chars`.", lambda char: chinese.normalize_str(char) == f" {char} "),
    "mark": ("Removed by `strip_accents` after canonical decomposition.", lambda char: strip.normalize_str(char) == ""),
    "punctuation": ("A word of its own.", lambda char: pieces(char) == ["a", char, "b"]),
}


def ranges(test):
    found, start = [], None
    for code in range(0x110001):
        inside = code < 0x110000 and not 0xD800 <= code < 0xE000 and test(chr(code))
        if inside and start is None:
            start = code
        elif not inside and start is not None:
            found.append(f"{start:x}" if code == start + 1 else f"{start:x}-{code - 1:x}")
            start = None
    return found


with open(sys.argv[1], "w") as file:
    file.write(f"""/**
 * Character classes of BERT's tokenizer as inclusive ranges of hexadecimal code points, asked of the Rust library
 * `tokenizers` {tokenizers.__version__} by reference/gen_bert_characters.py.
 */
export const bertCharacterRanges = {{
""")
    for name, (comment, test) in CLASSES.items():
        file.write(f"  /** {comment} */\n  {name}:\n    '{' '.join(ranges(test))}',\n")
    file.write("} as const;\n")
