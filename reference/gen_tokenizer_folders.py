"""Folders of tokenizers in every layout that transformers reads, with the ids that it gives.

    python reference/gen_tokenizer_folders.py packages/preprocess/test/__fixtures__/tokenizer-folders.json.gz

Vocabularies are trained here on a few sentences. Files are kept once each, by a number. `--texts FILE` takes other texts (a
JSON list), for a second set that the code was not written against.
"""
import argparse
import base64
import gzip
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["TRANSFORMERS_VERBOSITY"] = "critical"
import sentencepiece as spm
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast
import transformers

parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
parser.add_argument("--texts", type=Path)
args = parser.parse_args()

CORPUS = """a red cat sits near the blue dog and the dog runs away . the old man reads a newspaper in the park , and it's raining !
two children are playing with a ball on the beach ; their mother watches them from the shade of a tree .
An Old House In New York , 1925 : photo by J. Smith ( restored ) . the cat's tail isn't red , they're 3 cats and 42 dogs
unaffordable restless undone running runner sitting walked walking redder blueish cats dogs houses newspapers
café naïve über größe straße façade Zürich São Paulo señor
красная кошка сидит на столе 猫 坐 在 红色 沙发 上 日本 の 猫
""".strip().split("\n") * 4

TEXTS = json.loads(args.texts.read_text()) if args.texts else [
    "a red cat sits near the blue dog", "A Red CAT, in NEW YORK!", "Café naïve ÜBER Größe straße ß ẞ İstanbul",
    "cafe\u0301 nai\u0308ve u\u0308ber A\u030a", "unaffordable, restless; undone? runners...", "the cat's tail isn't red, they're 3 cats & 42 dogs",
    "", " ", "   two   spaces\t tabs\nand\r\nlines \u00a0 nbsp\u3000wide  ", "猫坐在红色沙发上 日本の猫", "красная КОШКА", "ΟΔΟΣ Σ ὕβρις ΑΣ.",
    "emoji 🐱 👩‍👩‍👧 ok ❤️", "x<obj>y <obj> z  <obj>  w <OBJ>", "a corgidoodle, Corgidoodle CORGIDOODLE corgidoodles xcorgidoodle", "Covid-19 covid-19 COVID-19 acovid-19b",
    "in new york now New  York", "concat cats cat. cat cat_ cat1 écat caté", "[CLS] a [SEP] b [PAD] [UNK] [MASK] [mask]", "<s> a </s> <pad> <unk> <mask> x<mask>y  <mask>  z",
    "<|endoftext|> a<|startoftext|>b <|ENDOFTEXT|>", "<extra_id_0> a <extra_id_1>b", "<image><image> a <IMAGE> [SEG][SEG] <special>", "a\u200bb a\u00adb a\ufeffb a\u2028b a\u0085b \u0000\u0007x",
    "ﬁne ﬂow Ａｂｃ ① ½ x² ㎏ ｶﾀｶﾅ", "``quoted'' 'single' “curly” «g» — … _under_score__", "1234567890 ٣٤٥ Ⅷ 3.14 1,000", "a" * 120, "ab " * 40 + "end", "##ing ## # a##b ▁ ▁a a▁b",
    "don't CAN'T I'LL we've you'd he's i'm", "!?.,;:-()[]{}<>/\\|@#$%^&*+=~`", "\u0301 \u0301a a \u0301", "ab\ud7ff \ue000 \U0001fae8 \uffff", "مرحبا שלום नमस्ते 안녕", "the thé THE dog\u0300 Newspapers",
]
PAIRS = [["a red cat", "the blue dog runs"], ["a", "the old man reads a newspaper in the park"], ["two children are playing with a ball on the beach", "x"], ["", "a"], ["New York", "corgidoodle <obj> cat"]]

work = Path(tempfile.mkdtemp())
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def wordpiece(lowercase, special=BERT_SPECIAL, unk="[UNK]", size=230):
    tok = Tokenizer(models.WordPiece(unk_token=unk))
    tok.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece(prefix="##")
    tok.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=size, special_tokens=special, show_progress=False))
    vocab = tok.get_vocab()
    return [t for t, _ in sorted(vocab.items(), key=lambda x: x[1])]


def wordpiece_json(vocab, lowercase, special=BERT_SPECIAL):
    tok = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece(prefix="##")
    tok.add_special_tokens(special)
    ids = {t: i for i, t in enumerate(vocab)}
    tok.post_processor = processors.TemplateProcessing(single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])])
    return json.loads(tok.to_str())


def byte_bpe(special, size=330, end_of_word=None, **options):
    tok = Tokenizer(models.BPE(end_of_word_suffix=end_of_word or "", continuing_subword_prefix="", **options))
    if end_of_word:
        tok.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
        tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"), behavior="removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size * (2 if end_of_word else 1), special_tokens=special, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **({"end_of_word_suffix": end_of_word} if end_of_word else {}))
    tok.train_from_iterator(CORPUS, trainer)
    return tok


def bpe_files(tok):
    model = json.loads(tok.to_str())["model"]
    merges = "#version: 0.2\n" + "\n".join(" ".join(m) if isinstance(m, list) else m for m in model["merges"]) + "\n"
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": merges}


def unigram(name, special_first, **options):
    """A SentencePiece model with a small table of normalizations of its own, as a list of [piece, score] and the table."""
    rules = work / "rules.tsv"
    table = {"ﬁ": "fi", "ﬂ": "fl", "½": "1/2", "①": "1", "²": "2", "㎏": "kg", "e\u0301": "é", "i\u0308": "ï", "u\u0308": "ü", "\u00a0": " ", "\u3000": " ", "\t": " ", "\n": " ", "\r": " ", "\u200b": " ", "\ufeff": "", "\u0007": ""}
    table |= {chr(0xFF21 + i): chr(65 + i) for i in range(26)} | {chr(0xFF41 + i): chr(97 + i) for i in range(26)}
    rules.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in k)}\t{' '.join(f'{ord(c):X}' for c in v)}\n" for k, v in table.items()))
    corpus = work / "corpus.txt"
    corpus.write_text("\n".join(CORPUS))
    spm.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(work / name), vocab_size=190, normalization_rule_tsv=str(rules), hard_vocab_limit=False, minloglevel=5, **options)
    from transformers.convert_slow_tokenizer import import_protobuf
    proto = import_protobuf().ModelProto()
    proto.ParseFromString((work / f"{name}.model").read_bytes())
    pieces = [(p.piece, p.score) for p in proto.pieces if p.type == 1]
    charsmap = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    return [[t, 0.0] for t in special_first] + [[t, round(s, 5)] for t, s in pieces], charsmap


def unigram_json(vocab, charsmap, added, unk, post=None, pre=None, normalizer="charsmap", byte_fallback=False):
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [{"id": i, "content": t, "single_word": False, "lstrip": strip, "rstrip": False, "normalized": False, "special": True} for i, t, strip in added],
            "normalizer": ({"type": "Precompiled", "precompiled_charsmap": charsmap} if normalizer == "charsmap" else normalizer),
            "pre_tokenizer": pre or {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}]},
            "post_processor": post, "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            "model": {"type": "Unigram", "unk_id": unk, "vocab": vocab, "byte_fallback": byte_fallback}}


def template(before, after, ids, pair_middle=None, second_type=0):
    piece = lambda t, k=0: {"SpecialToken": {"id": t, "type_id": k}}
    a, b = {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": second_type}}
    middle = after if pair_middle is None else pair_middle
    return {"type": "TemplateProcessing", "single": [piece(t) for t in before] + [a] + [piece(t) for t in after],
            "pair": [piece(t) for t in before] + [a] + [piece(t) for t in middle] + [b] + [piece(t, second_type) for t in after],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in ids.items()}}


def token(content, single_word=False, lstrip=False, rstrip=False, normalized=True, special=False):
    return {"content": content, "single_word": single_word, "lstrip": lstrip, "rstrip": rstrip, "normalized": normalized, "special": special}


def lines(vocab):
    return "\n".join(vocab) + "\n"


folders = []


def folder(name, files, cls="AutoTokenizer", **extra):
    """Loads the folder as transformers does and keeps its ids."""
    path = work / "folder"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    # bytes (SentencePiece models) are kept as base64
    files = {n: c if isinstance(c, (str, bytes)) else json.dumps(c, ensure_ascii=False) for n, c in files.items()}
    for n, c in files.items():
        (path / n).write_bytes(c if isinstance(c, bytes) else c.encode())
    files = {n: "base64:" + base64.b64encode(c).decode() if isinstance(c, bytes) else c for n, c in files.items()}
    entry = {"name": name, "class": cls, "files": files}
    tok = getattr(transformers, cls).from_pretrained(str(path))
    limit = tok.model_max_length if tok.model_max_length < 1e9 else None
    entry["vocabSize"] = max(tok.get_vocab().values()) + 1
    entry["maxLength"] = limit
    encoded = [tok(t) for t in TEXTS]
    entry["ids"] = [e["input_ids"] for e in encoded]
    entry["tokenTypeIds"] = "token_type_ids" in tok.model_input_names
    entry["pairs"] = []
    cut = tok.num_special_tokens_to_add(True) + 7
    for p in PAIRS:
        e = tok(*p, return_token_type_ids=True)
        c = tok(*p, truncation=True, max_length=cut)
        entry["pairs"].append([e["input_ids"], e["token_type_ids"], c["input_ids"]])
    entry["cut"] = [tok(t, truncation=True, max_length=cut)["input_ids"] for t in TEXTS]
    entry["cutLength"] = cut
    if tok.pad_token is not None:
        batch = tok(TEXTS[:7], padding="longest", truncation=True, max_length=16)
        entry["padded"] = {"ids": batch["input_ids"], "mask": batch["attention_mask"]}
        entry["padTokenId"] = tok.pad_token_id
    entry["decoded"] = [tok.decode(e["input_ids"], skip_special_tokens=True) for e in encoded]
    # what CLIPTokenizer does around the library's decoding, for its vocabulary without its class, too
    if getattr(tok.backend_tokenizer.model, "end_of_word_suffix", None):
        entry["decoded"] = [t.replace("</w>", " ").strip() for t in entry["decoded"]]
    folders.append(entry)


# BERT -------------------------------------------------------------------------------------------------------------------
uncased, cased = wordpiece(True), wordpiece(False)
U, C = lines(uncased), lines(cased)
bert = {"tokenizer_class": "BertTokenizer"}
usual = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]"}
n = len(uncased)
folder("bert: vocab.txt alone", {"vocab.txt": U}, "BertTokenizer")
folder("bert: cased", {"vocab.txt": C, "tokenizer_config.json": {**bert, "do_lower_case": False}})
folder("bert: accents kept", {"vocab.txt": U, "tokenizer_config.json": {**bert, "strip_accents": False}})
folder("bert: cased without accents", {"vocab.txt": C, "tokenizer_config.json": {**bert, "do_lower_case": False, "strip_accents": True}})
folder("bert: ideographs together", {"vocab.txt": U, "tokenizer_config.json": {**bert, "tokenize_chinese_chars": False}})
folder("bert: added_tokens.json", {"vocab.txt": U, "added_tokens.json": {"<obj>": n, "corgidoodle": n + 1}, "tokenizer_config.json": bert})
folder("bert: added_tokens.json in another order than its ids", {"vocab.txt": U, "added_tokens.json": {"corgidoodle": n + 1, "Covid-19": n + 2, "<obj>": n}, "tokenizer_config.json": {**bert, "do_lower_case": False}})
folder("bert: added_tokens.json with a hole", {"vocab.txt": U, "added_tokens.json": {"<obj>": n + 10, "corgidoodle": n + 20}, "tokenizer_config.json": bert})
folder("bert: added_tokens.json names special tokens", {"vocab.txt": U, "added_tokens.json": {"<IMG>": n, "[SEG]": n + 1, "<obj>": n + 2}, "special_tokens_map.json": {**usual, "additional_special_tokens": ["<IMG>", "[SEG]"]}, "tokenizer_config.json": bert})
folder("bert: special_tokens_map.json renames", {"vocab.txt": lines(["<pad>", "<unk>", "<s>", "</s>", "<mask>"] + uncased[5:]), "special_tokens_map.json": {"unk_token": "<unk>", "sep_token": "</s>", "pad_token": "<pad>", "cls_token": "<s>", "mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}, "tokenizer_config.json": bert})
folder("bert: special_tokens_map.json against tokenizer_config.json", {"vocab.txt": lines(uncased + ["<s>", "</s>"]), "special_tokens_map.json": {**usual, "cls_token": "<s>"}, "tokenizer_config.json": {**bert, "cls_token": "[CLS]", "sep_token": "</s>"}})
flags = {str(i): token(t, normalized=False, special=True) for i, t in enumerate(BERT_SPECIAL)}
flags |= {str(n): token("<obj>", lstrip=True, rstrip=True), str(n + 1): token("cat", single_word=True), str(n + 2): token("new york"), str(n + 3): token("Covid-19", normalized=False), str(n + 4): token("NAÏVE")}
folder("bert: added_tokens_decoder with every flag", {"vocab.txt": U, "tokenizer_config.json": {**bert, "added_tokens_decoder": flags}})
folder("bert: added_tokens_decoder, cased", {"vocab.txt": C, "tokenizer_config.json": {**bert, "do_lower_case": False, "added_tokens_decoder": {str(len(cased)): token("<obj>", rstrip=True), str(len(cased) + 1): token("corgidoodle", single_word=True, normalized=False)}}})
folder("bert: added_tokens_decoder against added_tokens.json", {"vocab.txt": U, "added_tokens.json": {"corgidoodle": n}, "tokenizer_config.json": {**bert, "added_tokens_decoder": {str(n): token("<obj>")}}})
folder("bert: added_tokens_decoder against special_tokens_map.json", {"vocab.txt": U, "special_tokens_map.json": {**usual, "sep_token": "[MASK]"}, "tokenizer_config.json": {**bert, "added_tokens_decoder": {str(n): token("<obj>", special=True, normalized=False)}}})
folder("bert: additional_special_tokens", {"vocab.txt": U, "tokenizer_config.json": {**bert, "additional_special_tokens": ["<special>", "[SEG]"]}})
folder("bert: extra_special_tokens by name, and a token of its own", {"vocab.txt": U, "tokenizer_config.json": {**bert, "extra_special_tokens": {"seg_token": "[SEG]"}, "image_token": "<image>"}})
folder("bert: bos and eos that the vocabulary lacks", {"vocab.txt": U, "tokenizer_config.json": {**bert, "bos_token": "<s>", "eos_token": "</s>"}})
folder("bert: split_special_tokens", {"vocab.txt": U, "tokenizer_config.json": {**bert, "split_special_tokens": True}})
folder("bert: sides on the left, short", {"vocab.txt": U, "tokenizer_config.json": {**bert, "truncation_side": "left", "padding_side": "left", "model_max_length": 24}})
folder("bert: no limit", {"vocab.txt": U, "tokenizer_config.json": {**bert, "model_max_length": int(1e30)}})
folder("bert: max_len and null", {"vocab.txt": U, "tokenizer_config.json": {**bert, "max_len": 40, "strip_accents": None, "do_basic_tokenize": True, "never_split": None}})
folder("bert: CRLF and blanks", {"vocab.txt": "\r\n".join(uncased[:40] + [uncased[40] + " \t", ""] + uncased[42:]) + "\r\n", "tokenizer_config.json": bert})
folder("bert: a token twice, no last line end", {"vocab.txt": "\n".join(uncased + ["cat", "zebra"]), "tokenizer_config.json": bert})
folder("bert: no [MASK] in the vocabulary", {"vocab.txt": lines([t for t in uncased if t != "[MASK]"]), "tokenizer_config.json": bert})
folder("bert: model_type alone", {"vocab.txt": C, "config.json": {"model_type": "bert"}, "tokenizer_config.json": {"do_lower_case": False}})
UJ, CJ = wordpiece_json(uncased, True), wordpiece_json(cased, False)
folder("bert: tokenizer.json alone", {"tokenizer.json": UJ}, "PreTrainedTokenizerFast")
folder("bert: tokenizer.json, read by class", {"tokenizer.json": UJ, "tokenizer_config.json": bert})
folder("bert: cased tokenizer.json, uncased class", {"tokenizer.json": CJ, "tokenizer_config.json": {**bert, "do_lower_case": True}})
folder("bert: uncased tokenizer.json, cased settings", {"tokenizer.json": UJ, "tokenizer_config.json": {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False, "strip_accents": False}})
folder("bert: uncased tokenizer.json, generic class with cased settings", {"tokenizer.json": UJ, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False, **usual}})
folder("bert: tokenizer.json against vocab.txt", {"tokenizer.json": UJ, "vocab.txt": C, "tokenizer_config.json": bert})
folder("bert: tokenizer.json against special_tokens_map.json", {"tokenizer.json": UJ, "special_tokens_map.json": {**usual, "sep_token": "[MASK]", "additional_special_tokens": ["<special>"]}, "tokenizer_config.json": bert})
folder("bert: tokenizer.json against added_tokens.json", {"tokenizer.json": {**UJ, "added_tokens": UJ["added_tokens"] + [{"id": n, **token("<obj>", lstrip=True)}]}, "added_tokens.json": {"corgidoodle": n, "new york": n + 1}, "tokenizer_config.json": bert})
folder("bert: tokenizer.json with truncation and padding", {"tokenizer.json": {**UJ, "truncation": {"direction": "Left", "max_length": 12, "strategy": "LongestFirst", "stride": 0}, "padding": {"strategy": {"Fixed": 20}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 1, "pad_type_id": 0, "pad_token": "[UNK]"}}, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}})
folder("bert: tokenizer.json with flags, generic class", {"tokenizer.json": {**UJ, "added_tokens": UJ["added_tokens"] + [{"id": n, **token("<obj>", lstrip=True, rstrip=True)}, {"id": n + 1, **token("cat", single_word=True)}, {"id": n + 2, **token("Covid-19")}, {"id": n + 3, **token("café", normalized=False)}]}, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **usual}})
folder("bert: tokenizer.json whose added ids are not the next", {"tokenizer.json": {**UJ, "added_tokens": UJ["added_tokens"] + [{"id": n + 7, **token("<obj>")}]}, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", **usual}})
folder("distilbert", {"tokenizer.json": UJ, "tokenizer_config.json": {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": True, "model_max_length": 512}})
folder("electra by config.json", {"vocab.txt": U, "config.json": {"model_type": "electra"}})
folder("multilingual, cased, accents", {"vocab.txt": C, "tokenizer_config.json": {**bert, "do_lower_case": False, "tokenize_chinese_chars": True, "strip_accents": False, "model_max_length": 30}})
folder("funnel", {"vocab.txt": lines(["<pad>", "<unk>", "<cls>", "<sep>", "<mask>", "<s>", "</s>"] + uncased[5:]), "tokenizer_config.json": {"tokenizer_class": "FunnelTokenizer"}})
mp = ["<s>", "<pad>", "</s>", "[UNK]"] + uncased[5:] + ["<mask>"]
folder("mpnet: vocab.txt", {"vocab.txt": lines(mp), "tokenizer_config.json": {"tokenizer_class": "MPNetTokenizer", "do_lower_case": True}})
MJ = {**UJ, "model": {**UJ["model"], "vocab": {t: i for i, t in enumerate(mp)}}, "added_tokens": [{"id": mp.index(t), **token(t, normalized=False, special=True, lstrip=t == "<mask>")} for t in ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]], "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0], "trim_offsets": True, "add_prefix_space": False}}
folder("mpnet: tokenizer.json", {"tokenizer.json": MJ, "tokenizer_config.json": {"tokenizer_class": "MPNetTokenizerFast", "mask_token": "<mask>", "model_max_length": 384}})

# Byte-level BPE ---------------------------------------------------------------------------------------------------------
rob = byte_bpe(["<s>", "<pad>", "</s>", "<unk>"])
rob.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
rob.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
RJ, RF = json.loads(rob.to_str()), bpe_files(rob)
rc = {"tokenizer_class": "RobertaTokenizer"}
m = RJ["added_tokens"][-1]["id"]
folder("roberta: vocab.json and merges.txt", {**RF, "tokenizer_config.json": rc})
folder("roberta: prefix space, short", {**RF, "tokenizer_config.json": {**rc, "add_prefix_space": True, "model_max_length": 20, "truncation_side": "left"}})
folder("roberta: <mask> as special_tokens_map.json wants it", {**RF, "special_tokens_map.json": {"bos_token": "<s>", "mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": False, "single_word": False}}, "tokenizer_config.json": rc})
folder("roberta: tokenizer.json", {"tokenizer.json": RJ, "tokenizer_config.json": rc})
folder("roberta: tokenizer.json without class", {"tokenizer.json": RJ}, "PreTrainedTokenizerFast")
folder("roberta: tokenizer.json, prefix space only in the settings", {"tokenizer.json": RJ, "tokenizer_config.json": {**rc, "add_prefix_space": True}})
folder("roberta: prefix space only in tokenizer.json", {"tokenizer.json": {**RJ, "pre_tokenizer": {**RJ["pre_tokenizer"], "add_prefix_space": True}}, "tokenizer_config.json": rc})
folder("roberta: added tokens", {**RF, "added_tokens.json": {"<obj>": m + 1, "new york": m + 2, "<mask>": m}, "tokenizer_config.json": rc})
folder("roberta: added_tokens_decoder", {"tokenizer.json": RJ, "tokenizer_config.json": {**rc, "added_tokens_decoder": {str(m): token("<mask>", lstrip=True, special=True, normalized=False), str(m + 1): token("cat", single_word=True, rstrip=True), str(m + 2): token("<obj>", normalized=False, lstrip=True)}}})
folder("longformer by config.json", {**RF, "config.json": {"model_type": "longformer"}})
folder("bart", {**RF, "tokenizer_config.json": {"tokenizer_class": "BartTokenizer", "model_max_length": 16}})
gpt = byte_bpe(["<|endoftext|>"])
GJ, GF = json.loads(gpt.to_str()), bpe_files(gpt)
folder("gpt2: no padding token", {**GF, "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}})
folder("gpt2: padding token named", {**GF, "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "pad_token": "<|endoftext|>", "padding_side": "left", "add_prefix_space": True}})
folder("gpt2: padding token added", {"tokenizer.json": {**GJ, "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}}, "tokenizer_config.json": {"tokenizer_class": "GPT2TokenizerFast", "pad_token": "<pad>"}})
folder("gpt2: beginning and end", {**GF, "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "add_eos_token": True}})
folder("gpt2: beginning asked beside tokenizer.json", {"tokenizer.json": {**GJ, "post_processor": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}}, "tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "add_bos_token": True}})
clip = byte_bpe(["<|startoftext|>", "<|endoftext|>"], end_of_word="</w>", unk_token="<|endoftext|>")
clip.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), False, False)
KJ, KF = json.loads(clip.to_str()), bpe_files(clip)
kc = {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77}
k = max(KJ["model"]["vocab"].values()) + 1
folder("clip: vocab.json and merges.txt", {**KF, "tokenizer_config.json": kc})
folder("clip: tokenizer.json", {"tokenizer.json": KJ, "tokenizer_config.json": {**kc, "pad_token": "<|endoftext|>", "do_lower_case": True}})
folder("clip: tokenizer.json without class", {"tokenizer.json": KJ}, "PreTrainedTokenizerFast")
folder("clip: padding token !", {**KF, "tokenizer_config.json": {**kc, "pad_token": "!"}})
folder("clip: old special_tokens_map.json, normalized end token", {**KF, "special_tokens_map.json": {"bos_token": {"content": "<|startoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}, "eos_token": {"content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}, "unk_token": {"content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}, "pad_token": "<|endoftext|>"}, "tokenizer_config.json": kc})
folder("clip: placeholder tokens", {"tokenizer.json": {**KJ, "added_tokens": KJ["added_tokens"] + [{"id": k, **token("<obj>")}, {"id": k + 1, **token("Corgidoodle")}]}, "tokenizer_config.json": kc})
folder("clip by config.json", {**KF, "config.json": {"model_type": "clip", "text_config": {"model_type": "clip_text_model"}}})
deb = byte_bpe(["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"])
DF = bpe_files(deb)
folder("deberta", {**DF, "tokenizer_config.json": {"tokenizer_class": "DebertaTokenizer", "do_lower_case": False}})
qwen = byte_bpe(["<|endoftext|>"])
folder("qwen2", {**bpe_files(qwen), "tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer", "additional_special_tokens": ["<image>"]}})
folder("gpt-neox", {"tokenizer.json": GJ, "tokenizer_config.json": {"tokenizer_class": "GPTNeoXTokenizer", "add_eos_token": True, "add_bos_token": False}})

# BPE on characters, with bytes to fall back on ------------------------------------------------------------------------------
chars = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
chars.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
small = [line for line in CORPUS if line.isascii()]
chars.train_from_iterator(small, trainers.BpeTrainer(vocab_size=450, special_tokens=["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)], show_progress=False))
LJ = json.loads(chars.to_str())
LJ["post_processor"] = template(["<s>"], [], {"<s>": 1})
LJ["decoder"] = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
folder("llama: tokenizer.json, generic class", {"tokenizer.json": LJ, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}})
folder("llama", {"tokenizer.json": LJ, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "pad_token": "</s>", "legacy": False}})
old = {**LJ, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}, "pre_tokenizer": None}
folder("llama: old normalizer, generic class", {"tokenizer.json": old, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}})
no_bytes = json.loads(json.dumps(LJ))
no_bytes["model"]["byte_fallback"] = False
folder("characters: unknown ones fused", {"tokenizer.json": no_bytes, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>"}})
no_fuse = json.loads(json.dumps(no_bytes))
no_fuse["model"]["fuse_unk"] = False
folder("characters: unknown ones one by one", {"tokenizer.json": no_fuse, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>"}})
no_unk = json.loads(json.dumps(no_bytes))
no_unk["model"]["unk_token"] = None
folder("characters: unknown ones dropped", {"tokenizer.json": no_unk, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>"}})
gj = json.loads(json.dumps(LJ))
gj["model"]["vocab"] = {t: i for i, t in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"] + [t for t in LJ["model"]["vocab"] if t not in ("<unk>", "<s>", "</s>")])}
gj["added_tokens"] = [{"id": i, **token(t, normalized=False, special=True)} for i, t in enumerate(["<pad>", "<eos>", "<bos>", "<unk>"])]
gj["post_processor"] = template([], ["<eos>"], {"<eos>": 1})
folder("siglip2", {"tokenizer.json": gj, "tokenizer_config.json": {"tokenizer_class": "Siglip2Tokenizer", "model_max_length": 64}})
folder("gemma", {"tokenizer.json": gj, "tokenizer_config.json": {"tokenizer_class": "GemmaTokenizer"}})

# Unigram ------------------------------------------------------------------------------------------------------------------
xv, charsmap = unigram("xlmr", ["<s>", "<pad>", "</s>", "<unk>"])
xv.append(["<mask>", 0.0])
xs = [(0, "<s>", False), (1, "<pad>", False), (2, "</s>", False), (3, "<unk>", False), (len(xv) - 1, "<mask>", True)]
XJ = unigram_json(xv, charsmap, xs, 3, template(["<s>"], ["</s>"], {"<s>": 0, "</s>": 2}, ["</s>", "</s>"]))
xc = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}
folder("xlm-roberta", {"tokenizer.json": XJ, "tokenizer_config.json": xc})
folder("xlm-roberta: without class", {"tokenizer.json": XJ}, "PreTrainedTokenizerFast")
folder("xlm-roberta: no prefix space, short", {"tokenizer.json": XJ, "tokenizer_config.json": {**xc, "add_prefix_space": False, "model_max_length": 12, "padding_side": "left"}})
folder("xlm-roberta: added tokens", {"tokenizer.json": XJ, "tokenizer_config.json": {**xc, "added_tokens_decoder": {**{str(i): token(t, lstrip=s, normalized=False, special=True) for i, t, s in xs}, str(len(xv)): token("<obj>", lstrip=True, rstrip=True), str(len(xv) + 1): token("ﬁne", normalized=True)}}})
folder("xlm-roberta: as SigLIP cleans text", {"tokenizer.json": {**XJ, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]"}, "content": ""}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Precompiled", "precompiled_charsmap": charsmap}]}, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>", "model_max_length": 64}})
tv = [["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0]] + xv[4:-1]
ts = [(0, "<pad>", False), (1, "</s>", False), (2, "<unk>", False)]
TJ = unigram_json(tv + [[f"<extra_id_{i}>", 0.0] for i in range(9, -1, -1)], charsmap, ts + [(len(tv) + 9 - i, f"<extra_id_{i}>", False) for i in range(9, -1, -1)], 2, template([], ["</s>"], {"</s>": 1}))
folder("t5", {"tokenizer.json": TJ, "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer", "extra_ids": 10, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(10)], "model_max_length": 512}})
folder("t5: extra ids by default", {"tokenizer.json": unigram_json(tv, charsmap, ts, 2, template([], ["</s>"], {"</s>": 1})), "tokenizer_config.json": {"tokenizer_class": "T5TokenizerFast"}})
folder("t5: by config.json, no table", {"tokenizer.json": unigram_json(tv, None, ts, 2, template([], ["</s>"], {"</s>": 1}), normalizer=None), "config.json": {"model_type": "t5"}})
cv = [["<s>NOTUSED", 0.0], ["<pad>", 0.0], ["</s>NOTUSED", 0.0], ["<unk>", 0.0], ["<unk>NOTUSED", -100.0]] + xv[4:-1] + [["<s>", 0.0], ["</s>", 0.0], ["<mask>", 0.0]]
cs = [(len(cv) - 3, "<s>", False), (len(cv) - 2, "</s>", False), (1, "<pad>", False), (3, "<unk>", False), (len(cv) - 1, "<mask>", True)]
folder("camembert", {"tokenizer.json": unigram_json(cv, charsmap, cs, 3, template(["<s>"], ["</s>"], {"<s>": len(cv) - 3, "</s>": len(cv) - 2}, ["</s>", "</s>"])), "tokenizer_config.json": {"tokenizer_class": "CamembertTokenizer"}})
av = [["<pad>", 0.0], ["<unk>", 0.0], ["[CLS]", 0.0], ["[SEP]", 0.0], ["[MASK]", 0.0]] + xv[4:-1]
AS = [(i, t, t == "[MASK]") for i, (t, _) in enumerate(av[:5])]
AJ = unigram_json(av, charsmap, AS, 1, template(["[CLS]"], ["[SEP]"], {"[CLS]": 2, "[SEP]": 3}, second_type=1))
folder("albert", {"tokenizer.json": AJ, "tokenizer_config.json": {"tokenizer_class": "AlbertTokenizer"}})
folder("albert: cased, accents", {"tokenizer.json": AJ, "tokenizer_config.json": {"tokenizer_class": "AlbertTokenizerFast", "do_lower_case": False, "keep_accents": True}})
dv = [["[PAD]", 0.0], ["[CLS]", 0.0], ["[SEP]", 0.0], ["[UNK]", 0.0]] + xv[4:-1]
dj = unigram_json(dv, charsmap, [(i, t, False) for i, (t, _) in enumerate(dv[:4])] + [(len(dv), "[MASK]", False)], 3, template(["[CLS]"], ["[SEP]"], {"[CLS]": 1, "[SEP]": 2}, second_type=1), pre={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True})
folder("deberta-v2", {"tokenizer.json": dj, "tokenizer_config.json": {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": False}})
folder("deberta-v2: lower case, split by punctuation", {"tokenizer.json": dj, "tokenizer_config.json": {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True, "split_by_punct": True}})
fv = [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0]] + [[f"<0x{b:02X}>", -10.0] for b in range(256)] + xv[4:-1]
folder("unigram: bytes to fall back on, generic class", {"tokenizer.json": unigram_json(fv, charsmap, [(0, "<unk>", False), (1, "<s>", False), (2, "</s>", False)], 0, None, byte_fallback=True), "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "</s>"}})
big = [["<unk>", 0.0], ["<s>", 0.0], ["</s>", 0.0], ["<pad>", 0.0], ["[SEP]", 0.0], ["[MASK]", 0.0], ["[CLS]", 0.0]] + xv[4:-1]
folder("big_bird", {"tokenizer.json": unigram_json(big, charsmap, [(i, t, t == "[MASK]") for i, (t, _) in enumerate(big[:7])], 0, template(["[CLS]"], ["[SEP]"], {"[CLS]": 6, "[SEP]": 4}, second_type=1)), "tokenizer_config.json": {"tokenizer_class": "BigBirdTokenizer"}})

# SentencePiece models without a tokenizer.json ---------------------------------------------------------------------------------


def piece_model(name, kind="unigram", rules=True, **options):
    """A model's bytes; its table of normalizations is that of `unigram`."""
    extra = {"normalization_rule_tsv": str(work / "rules.tsv")} if rules else {"normalization_rule_name": "identity"}
    spm.SentencePieceTrainer.train(input=str(work / "corpus.txt"), model_prefix=str(work / name), model_type=kind, hard_vocab_limit=False, minloglevel=5, **{"vocab_size": 190, **extra, **options})
    return (work / f"{name}.model").read_bytes()


ids_of_t5 = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
spm_t5 = piece_model("t5", **ids_of_t5)
spm_xlmr = piece_model("fairseq")
spm_bpe = piece_model("bpe", "bpe", vocab_size=520, byte_fallback=True, rules=False, split_digits=True, normalization_rule_name="identity")
spm_user = piece_model("user", "bpe", vocab_size=300, rules=False, user_defined_symbols=["<obj>", "New York", "cat"], control_symbols=["<ctl>"])
spm_albert = piece_model("albert", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"])
spm_deberta = piece_model("deberta", pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]", eos_piece="[SEP]", unk_piece="[UNK]")
spm_plain = piece_model("plain", add_dummy_prefix=False, remove_extra_whitespaces=False)
spm_gemma = piece_model("gemma", "bpe", vocab_size=520, byte_fallback=True, rules=False, add_dummy_prefix=False, remove_extra_whitespaces=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3, eos_piece="<eos>", bos_piece="<bos>")
spm_all = piece_model("all", user_defined_symbols=["<obj>", "New York"], control_symbols=["<ctl>"])
folder("spm: t5", {"spiece.model": spm_t5, "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer", "model_max_length": 512}})
folder("spm: t5, extra ids named", {"spiece.model": spm_t5, "special_tokens_map.json": {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>", "additional_special_tokens": [f"<extra_id_{i}>" for i in range(10)]}, "tokenizer_config.json": {"tokenizer_class": "T5Tokenizer", "extra_ids": 10, "additional_special_tokens": [f"<extra_id_{i}>" for i in range(10)]}})
folder("spm: t5 by config.json (mt5)", {"spiece.model": spm_t5, "config.json": {"model_type": "mt5"}})
folder("spm: xlm-roberta", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}})
folder("spm: xlm-roberta by config.json, added tokens", {"sentencepiece.bpe.model": spm_xlmr, "config.json": {"model_type": "xlm-roberta"}, "added_tokens.json": {"corgidoodle": 500, "<obj>": 501}, "special_tokens_map.json": {"mask_token": {"content": "<mask>", "lstrip": True, "rstrip": False, "normalized": True, "single_word": False}, "bos_token": "<s>", "eos_token": "</s>"}})
folder("spm: xlm-roberta, pieces of the maker's own", {"sentencepiece.bpe.model": spm_all, "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}})
folder("spm: camembert", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": "CamembertTokenizer"}})
folder("spm: mbart", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": "MBartTokenizer", "src_lang": "ro_RO"}})
folder("spm: mbart, no language", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": "MBartTokenizer"}})
folder("spm: mbart50", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": "MBart50Tokenizer", "src_lang": "de_DE"}})
folder("spm: albert", {"spiece.model": spm_albert, "config.json": {"model_type": "albert"}})
folder("spm: albert, cased", {"spiece.model": spm_albert, "tokenizer_config.json": {"tokenizer_class": "AlbertTokenizer", "do_lower_case": False, "keep_accents": True}})
folder("spm: deberta-v2", {"spm.model": spm_deberta, "tokenizer_config.json": {"tokenizer_class": "DebertaV2Tokenizer", "do_lower_case": True}})
folder("spm: big_bird", {"spiece.model": piece_model("bigbird", control_symbols=["[SEP]", "[MASK]", "[CLS]"], pad_id=3), "tokenizer_config.json": {"tokenizer_class": "BigBirdTokenizer"}})
folder("spm: llama", {"tokenizer.model": spm_bpe, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": False, "legacy": False, "pad_token": "<unk>"}})
folder("spm: llama, legacy, no flags", {"tokenizer.model": spm_bpe, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "legacy": True}})
folder("spm: llama, pieces of the maker's own", {"tokenizer.model": spm_user, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_eos_token": True}})
folder("spm: gemma", {"tokenizer.model": spm_gemma, "tokenizer_config.json": {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "add_eos_token": True}})
folder("spm: siglip2", {"tokenizer.model": spm_gemma, "tokenizer_config.json": {"tokenizer_class": "Siglip2Tokenizer", "model_max_length": 64, "add_eos_token": True}})
generic_spm = {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True}
folder("spm: unigram, generic class", {"tokenizer.model": spm_xlmr, "tokenizer_config.json": generic_spm})
folder("spm: unigram without prefix, generic class", {"tokenizer.model": spm_plain, "tokenizer_config.json": generic_spm})
folder("spm: unigram, generic class, pieces of the maker's own", {"tokenizer.model": spm_all, "tokenizer_config.json": {**generic_spm, "legacy": False}})
folder("spm: bpe, generic class", {"tokenizer.model": spm_bpe, "tokenizer_config.json": {**generic_spm, "added_tokens_decoder": {"0": token("<unk>", special=True, normalized=False), "5": token("<five>"), "600": token("corgidoodle")}}})
folder("spm: bpe, generic class, pieces of the maker's own", {"tokenizer.model": spm_user, "tokenizer_config.json": generic_spm})
folder("spm: bpe without prefix, generic class", {"tokenizer.model": spm_gemma, "tokenizer_config.json": generic_spm})
folder("spm: wrong class on the hub (mistral)", {"tokenizer.model": spm_bpe, "config.json": {"model_type": "mistral"}, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": True}})

# what people reported of theirs: special pieces elsewhere, chat tokens, an added_tokens.json that names pieces
folder("spm: llama, special pieces in other places", {"tokenizer.model": piece_model("places", "bpe", vocab_size=520, byte_fallback=True, rules=False, bos_id=0, eos_id=1, unk_id=2), "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "add_eos_token": True}})
ends = {str(i): token(t, special=True, normalized=False) for i, t in enumerate(["<unk>", "<s>", "</s>"])}
chat = {**ends, "600": {"__type": "AddedToken", **token("<obj>", special=True, normalized=False)}, "601": token("New York", normalized=True)}
for legacy in [True, False]:
    folder(f"spm: llama, chat tokens, legacy {legacy}", {"tokenizer.model": spm_bpe, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "legacy": legacy, "added_tokens_decoder": chat, "unk_token": "<unk>", "bos_token": {"__type": "AddedToken", **token("<s>", normalized=False)}}})
folder("spm: llama, added_tokens.json that names pieces", {"tokenizer.model": spm_bpe, "added_tokens.json": {"</s>": 2, "<s>": 1, "<unk>": 0, "<obj>": 520, "corgidoodle": 521}, "special_tokens_map.json": {"bos_token": "<s>", "eos_token": "<obj>", "unk_token": "<unk>"}, "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"}})
folder("spm: xlm-roberta, no class that is known", {"sentencepiece.bpe.model": spm_xlmr, "tokenizer_config.json": {"tokenizer_class": None}, "config.json": {"model_type": "xlm-roberta"}})
folder("spm: t5, padding on the left, cut on the left", {"spiece.model": spm_t5, "tokenizer_config.json": {"tokenizer_class": "T5TokenizerFast", "padding_side": "left", "truncation_side": "left", "model_max_length": 20, "extra_ids": 0}})


def saved(name, files, cls="AutoTokenizer"):
    """The folder that transformers writes of this one."""
    path = work / "saved"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for n, c in files.items():
        (path / n).write_bytes(c if isinstance(c, bytes) else json.dumps(c).encode())
    tok = getattr(transformers, cls).from_pretrained(str(path))
    shutil.rmtree(work / "again", ignore_errors=True)
    tok.save_pretrained(work / "again")
    folder(name, {n: (work / "again" / n).read_text() for n in ["tokenizer.json", "tokenizer_config.json"]})


for cls, model in [("MBartTokenizer", spm_xlmr), ("MBart50Tokenizer", spm_xlmr), ("T5Tokenizer", spm_t5), ("LlamaTokenizer", spm_bpe), ("PreTrainedTokenizerFast", spm_user)]:
    saved(f"spm: {cls}, saved by transformers", {"sentencepiece.bpe.model" if "MBart" in cls else "spiece.model" if cls == "T5Tokenizer" else "tokenizer.model": model, "tokenizer_config.json": {"tokenizer_class": cls}})

# The tokenizer.json of a version --------------------------------------------------------------------------------------------
other = {**XJ, "post_processor": None}
folder("versions: the last that is not too new", {"tokenizer.json": other, "tokenizer.4.0.0.json": XJ, "tokenizer.99.0.0.json": other, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "fast_tokenizer_files": ["tokenizer.99.0.0.json", "tokenizer.4.0.0.json", "tokenizer.json"]}})
folder("versions: all too new", {"tokenizer.json": XJ, "tokenizer.99.0.0.json": other, "tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast", "fast_tokenizer_files": ["tokenizer.99.0.0.json", "tokenizer.json"]}})

# Every other step, one by one, on a vocabulary of words ---------------------------------------------------------------------
words = {w: i for i, w in enumerate(["<unk>", "<pad>", *sorted({w for line in CORPUS for w in line.lower().replace("'", " ' ").split()} | set("abcdefghijklmnopqrstuvwxyz0123456789.,'!?") | {"the", "cat", "'s", "…", "--", "...", "▁", "▁a"})])}
base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [{"id": i, **token(t, normalized=False, special=True)} for i, t in enumerate(["<unk>", "<pad>"])], "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None, "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"}}
generic = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "unk_token": "<unk>"}


def step(name, **change):
    folder(name, {"tokenizer.json": {**base, **change}, "tokenizer_config.json": generic})


step("words: Whitespace")
step("words: WhitespaceSplit", pre_tokenizer={"type": "WhitespaceSplit"})
for behavior in ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]:
    step(f"words: Punctuation {behavior}", pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": behavior}]})
    step(f"words: Split {behavior}", pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Split", "pattern": {"Regex": "[aeiou.]"}, "behavior": behavior, "invert": behavior == "Isolated"}]})
step("words: Digits one by one", pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True}]})
step("words: Digits together", pre_tokenizer={"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": False}]})
step("words: CharDelimiterSplit", pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "c"})
step("words: Metaspace first, split", pre_tokenizer={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True})
for kind in ["NFC", "NFD", "NFKC", "NFKD"]:
    step(f"words: {kind}", normalizer={"type": "Sequence", "normalizers": [{"type": kind}, {"type": "StripAccents"}, {"type": "Lowercase"}]})
step("words: Nmt, Strip, Replace with a group sign", normalizer={"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "Replace", "pattern": {"String": "red"}, "content": "$& cat"}, {"type": "Lowercase"}]})
step("words: BertNormalizer without cleaning", normalizer={"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True})
holes = {w: i if i < 20 else i + 5 for w, i in words.items()}
step("words: ids with holes", model={"type": "WordLevel", "vocab": holes, "unk_token": "<unk>"})
wp = {"type": "WordPiece", "vocab": {t: i for i, t in enumerate(["<unk>", "<pad>"] + [t.replace("##", "@@") for t in uncased[5:]])}, "unk_token": "<unk>", "continuing_subword_prefix": "@@", "max_input_chars_per_word": 6}
step("words: WordPiece with another prefix, after Lowercase", model=wp, decoder={"type": "WordPiece", "prefix": "@@", "cleanup": True})

contents, numbers = [], {}
for entry in folders:
    for n_, c in entry["files"].items():
        if c not in numbers:
            numbers[c] = len(contents)
            contents.append(c)
        entry["files"][n_] = numbers[c]
lines_ = ",\n".join(json.dumps(f, ensure_ascii=False, separators=(",", ":")) for f in folders)
text = '{"transformers":%s,\n"texts":%s,\n"pairs":%s,\n"contents":%s,\n"folders":[\n%s\n]}\n' % (
    json.dumps(transformers.__version__), json.dumps(TEXTS), json.dumps(PAIRS, ensure_ascii=False), json.dumps(contents, ensure_ascii=False, separators=(",", ":")), lines_)
args.out.write_bytes(gzip.compress(text.encode(), mtime=0))
shutil.rmtree(work)
print(len(folders), "folders,", args.out.stat().st_size, "bytes")
