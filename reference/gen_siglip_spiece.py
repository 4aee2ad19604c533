"""SigLIP 1 as it is with spiece.model alone: ids of transformers' SiglipTokenizer, which changes texts in Python.

    python reference/gen_siglip_spiece.py packages/preprocess/test/__fixtures__/siglip-spiece.json.gz

The model is trained here, laid out as SigLIP's: <pad> 0, </s> 1, <unk> 2, no <s>, nmt_nfkc.
"""
import base64
import gzip
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import sentencepiece as spm
from transformers import AutoTokenizer

CORPUS = """a red cat sits near the blue dog and the dog runs away . the old man reads a newspaper in the park , and it's raining !
two children are playing with a ball on the beach ; their mother watches them from the shade of a tree .
an old house in new york , 1925 : photo by j. smith ( restored ) . the cat's tail isn't red , they're 3 cats and 42 dogs
café naïve über größe straße façade zürich são paulo señor
красная кошка сидит на столе 猫 坐 在 红色 沙发 上 日本 の 猫
""".strip().split("\n") * 4

TEXTS = [
    "a red cat sits near the blue dog", "A Red CAT, in NEW YORK!", "a photo of a cat.", "Café naïve ÜBER Größe straße", "the cat's tail isn't red, they're 3 cats & 42 dogs",
    "", " ", ".", "...!?", "   two   spaces\t tabs\nand\r\nlines \u00a0 nbsp\u3000wide  ", " . leading dot", "a . b ! c", "well-known half_word e-mail@x.org", "猫坐在红色沙发上 日本の猫", "красная КОШКА",
    "emoji 🐱 👩‍👩‍👧 ok ❤️", "zzz qqq ZZZ", "ﬁne ﬂow Ａｂｃ ① ½ x² ㎏ ｶﾀｶﾅ", "“curly” «g» — … 'single'", "▁ a▁b ▁▁c", "a\u200bb a\u00adb a\ufeffb a\u2028b a\u0085b \u0007x", "ab " * 80, "İstanbul ẞ",
    "a </s> b", "</s>", "x<unk>y", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
]

folder = Path(tempfile.mkdtemp())
spm.SentencePieceTrainer.train(sentence_iterator=iter(CORPUS), model_prefix=str(folder / "spiece"), vocab_size=230, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
                               character_coverage=1.0, hard_vocab_limit=False, minloglevel=2)
made = []
for settings in [{"tokenizer_class": "SiglipTokenizer", "model_max_length": 64}, {"tokenizer_class": "SiglipTokenizer", "do_lower_case": False}]:
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer).__name__ == "SiglipTokenizer", type(tokenizer)
    padded = tokenizer(TEXTS[:4], padding="max_length", max_length=16, truncation=True)
    made.append({"settings": settings, "vocabSize": len(tokenizer), "maxLength": tokenizer.model_max_length, "padTokenId": tokenizer.pad_token_id,
                 "ids": [tokenizer(text)["input_ids"] for text in TEXTS], "pair": tokenizer("a cat", "a dog")["input_ids"], "padded": padded["input_ids"], "cut": tokenizer(TEXTS, truncation=True, max_length=6)["input_ids"],
                 "decoded": [tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) for text in TEXTS[:5]]})
model = base64.b64encode((folder / "spiece.model").read_bytes()).decode()
Path(sys.argv[1]).write_bytes(gzip.compress(json.dumps({"model": model, "texts": TEXTS, "folders": made}, ensure_ascii=False).encode(), mtime=0))
