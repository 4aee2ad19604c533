"""Fixtures of packages/preprocess/test: PIL's and torchvision's operations as hashes, and small tokenizers with their ids.

    python reference/gen_preprocess_fixtures.py packages/preprocess/test/__fixtures__
"""
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from torchvision.transforms import InterpolationMode
from torchvision.transforms import autoaugment
from torchvision.transforms import functional as F
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

OUT = Path(sys.argv[1])
OUT.mkdir(parents=True, exist_ok=True)


def picture(width, height):
    """Gradients with some noise, from integers only; the test makes the same."""
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    state = (x * 73856093 ^ y * 19349663 ^ c * 83492791) & 0xFFFFFFFF
    noise = (state * 2654435761 & 0xFFFFFFFF) >> 27
    return Image.fromarray(((x * 5 + y * 3 + c * 40) % 210 + noise).astype(np.uint8))


def fixture(op, image, result, **options):
    return {"op": op, **options, "input": list(image.size), "output": list(result.size),
            "sha256": hashlib.sha256(result.tobytes()).hexdigest()}


def operations():
    image = picture(61, 47)
    for factor in (0.0, 0.3, 0.91, 1.0, 1.27, 1.9):
        yield fixture("brightness", image, F.adjust_brightness(image, factor), value=factor)
        yield fixture("contrast", image, F.adjust_contrast(image, factor), value=factor)
        yield fixture("saturation", image, F.adjust_saturation(image, factor), value=factor)
        yield fixture("sharpness", image, F.adjust_sharpness(image, factor), value=factor)
    for turn in (-0.5, -0.33, -0.1, 0.004, 0.2, 0.37, 0.5):
        yield fixture("hue", image, F.adjust_hue(image, turn), value=turn)
    for bits in range(1, 9):
        yield fixture("posterize", image, F.posterize(image, bits), value=bits)
    for threshold in (0.0, 76.5, 128.0, 255.0):
        yield fixture("solarize", image, F.solarize(image, threshold), value=threshold)
    yield fixture("autoContrast", image, F.autocontrast(image))
    yield fixture("equalize", image, F.equalize(image))
    yield fixture("flipHorizontally", image, F.hflip(image))
    yield fixture("flipVertically", image, F.vflip(image))
    names = {"shearX": "ShearX", "shearY": "ShearY", "translateX": "TranslateX", "translateY": "TranslateY", "rotate": "Rotate"}
    for op, name in names.items():
        for value in {"s": (0.09, -0.3), "t": (8.3, -21.9), "r": (9.0, -30.0, 90.0)}[op[0]]:
            result = autoaugment._apply_op(image, name, value, InterpolationMode.NEAREST, [10, 20, 30])
            yield fixture(op, image, result, value=value)
    modes = {m.value: m for m in (InterpolationMode.NEAREST, InterpolationMode.BOX, InterpolationMode.HAMMING,
                                  InterpolationMode.BILINEAR, InterpolationMode.BICUBIC, InterpolationMode.LANCZOS)}
    for interpolation, mode in modes.items():
        for size in ([30, 30], [90, 122], [47, 20], [13, 61], 31, 100):
            yield fixture("resize", image, F.resize(image, size, mode), size=size, interpolation=interpolation)
        yield fixture("resizeMax", image, F.resize(image, 40, mode, max_size=45), size=40, maxSize=45,
                      interpolation=interpolation)
    for mode in ("constant", "edge", "reflect", "symmetric"):
        for padding in (3, [2, 5], [1, 2, 3, 4]):
            yield fixture("pad", image, F.pad(image, padding, (9, 99, 199) if mode == "constant" else 0, mode),
                          padding=padding, mode=mode)
    large = picture(640, 427)
    for size in (224, [224, 224], 99):
        yield fixture("resize", large, F.resize(large, size, InterpolationMode.BICUBIC), size=size, interpolation="bicubic")
    tiny = picture(1, 3)
    yield fixture("resize", tiny, F.resize(tiny, [5, 4], InterpolationMode.LANCZOS), size=[5, 4], interpolation="lanczos")


CORPUS = """A photo of a red heart on a white table. Two dogs are running through the tall grass near the sea.
The quick brown fox jumps over the lazy dog; it's 12:30 and they'll be back by 4.5 hours! An old man repairs fishing nets.
Ein rotes Herz auf weißem Grund, größer als die Straße. Une élève préfère la forêt à l'île. El niño comió mañana.
Красное сердце на белом столе. 図書館で猫が寝ている。 고양이가 소파에 앉아 있다. emoji 🍕 and 🐱 together, e-mail me@example.org
captions, caption, captioned; running, runner, runs; photograph, photographer, photography; embedding, embeddings""".split("\n")

TEXTS = [
    "a photo of a red heart", "A Photo Of THE Heart!", "", " ", "  two   spaces  and\ttabs\nnewlines ", "it's they'll don't we've",
    "12:30 and 4.5 hours, 2024", "größer Straße élève île niño", "Красное сердце", "猫が寝ている", "고양이가 앉아 있다", "🍕 and 🐱🐱",
    "zzz qqq xyz unknown", "e-mail me@example.org", "photographers' embeddings...", "x" * 120, "<mask> in the <mask>.", "a <pad> b",
    "café cafe\u0301", "ﬁne Ａ ①", "the " * 60, "bad \ufffd byte",
]
PAIRS = [("a red heart", "on a table"), ("the " * 30, "a red heart on a white table"), ("a", "running " * 40),
         ("the " * 40, "dog " * 37), ("", "one"), ("one", "")]


def save(name, tokenizer, config, fast):
    tokenizer.save(str(OUT / f"{name}.tokenizer.json"), pretty=False)
    (OUT / f"{name}.tokenizer_config.json").write_text(json.dumps(config))
    rows = lambda encoding: [list(row) for row in encoding["input_ids"]]  # noqa: E731
    return {
        "texts": TEXTS, "pairs": PAIRS,
        "ids": rows(fast(TEXTS)), "ids_8": rows(fast(TEXTS, truncation=True, max_length=8)),
        "pair_ids": rows(fast(PAIRS)), "pair_ids_20": rows(fast(PAIRS, truncation=True, max_length=20)),
        "pair_ids_21": rows(fast(PAIRS, truncation=True, max_length=21)),
        "pair_types_21": [list(row) for row in fast(PAIRS, truncation=True, max_length=21, return_token_type_ids=True)["token_type_ids"]],
        "decoded": fast.batch_decode(rows(fast(TEXTS)), skip_special_tokens=True),
    }


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", sep_token="</s>",
                                   cls_token="<s>", unk_token="<unk>", pad_token="<pad>", mask_token="<mask>")
    return save("roberta", tokenizer, {"tokenizer_class": "RobertaTokenizer", "model_max_length": 512, "pad_token": "<pad>",
                                       "clean_up_tokenization_spaces": False}, fast)


def clip():
    tokenizer = Tokenizer(models.BPE(continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(__import__("tokenizers").Regex(r"\s+"), " "),
                                                 normalizers.Lowercase()])
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(__import__("tokenizers").Regex(pattern), behavior="removed", invert=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=800, special_tokens=["<|startoftext|>", "<|endoftext|>"], end_of_word_suffix="</w>",
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", 1), ("<|startoftext|>", 0), trim_offsets=False,
                                                            add_prefix_space=False)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<|startoftext|>", eos_token="<|endoftext|>",
                                   unk_token="<|endoftext|>", pad_token="<|endoftext|>")
    result = save("clip", tokenizer, {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": "<|endoftext|>"}, fast)
    # transformers' CLIPTokenizerFast does this around the backend's decode.
    return {**result, "decoded": [text.replace("</w>", " ").strip() for text in result["decoded"]]}


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(__import__("tokenizers").Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(CORPUS, trainers.UnigramTrainer(
        vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token="<pad>",
                                   mask_token="<mask>")
    return save("unigram", tokenizer, {"tokenizer_class": "T5Tokenizer", "model_max_length": 512, "pad_token": "<pad>"}, fast)


def bert(vocab_file):
    vocab = {token: i for i, token in enumerate(Path(vocab_file).read_text(encoding="utf-8").splitlines())}
    result = {}
    for name, lower in (("bert", True), ("bert_cased", False)):
        fast = BertTokenizerFast(vocab=vocab, do_lower_case=lower)
        fast.model_max_length = 512
        rows = lambda encoding: [list(row) for row in encoding["input_ids"]]  # noqa: E731
        result[name] = {
            "texts": TEXTS, "pairs": PAIRS, "ids": rows(fast(TEXTS)), "ids_8": rows(fast(TEXTS, truncation=True, max_length=8)),
            "pair_ids": rows(fast(PAIRS)), "pair_ids_20": rows(fast(PAIRS, truncation=True, max_length=20)),
            "pair_ids_21": rows(fast(PAIRS, truncation=True, max_length=21)),
            "pair_types_21": [list(row) for row in fast(PAIRS, truncation=True, max_length=21)["token_type_ids"]],
            "decoded": fast.batch_decode(rows(fast(TEXTS)), skip_special_tokens=True),
        }
    return result


(OUT / "pillow.json").write_text("[\n" + ",\n".join(json.dumps(one) for one in operations()) + "\n]\n")
tokens = {"roberta": roberta(), "clip": clip(), "unigram": unigram(), **bert("golden/tokenizer/vocab.txt")}
(OUT / "tokens.json").write_text(json.dumps(tokens) + "\n")
