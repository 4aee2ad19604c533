"""The Python side of bench/preprocess.bench.mjs: torchvision on PIL, and the fast BERT tokenizer, one thread.

    python bench_preprocess.py --images FOLDER --captions FILE.json --vocab vocab.txt [--seconds 1]

Prints one JSON object: name -> { rate: items a second in the best tenth of the passes, cpu: seconds of
processor time for one }.
"""
import argparse
import io
import json
import os
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torchvision import transforms as T  # noqa: E402
from transformers import BertTokenizerFast  # noqa: E402

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--images", required=True)
parser.add_argument("--captions", required=True)
parser.add_argument("--vocab", required=True)
parser.add_argument("--seconds", type=float, default=1)
args = parser.parse_args()
torch.set_num_threads(1)


def rate(run, items):
    """Calls `run` (which handles `items` items) for a while; the rate is that of the best tenth of the calls."""
    run()
    passes, start, cpu = [], time.perf_counter(), time.process_time()
    while time.perf_counter() - start < args.seconds or len(passes) < 10:
        begin = time.perf_counter()
        run()
        passes.append(time.perf_counter() - begin)
    cpu = (time.process_time() - cpu) / (items * len(passes))
    return {"rate": items / sorted(passes)[len(passes) // 10], "cpu": cpu}


files = [path.read_bytes() for path in sorted(Path(args.images).glob("*.jpg"))]
resize = T.Resize((224, 224), interpolation=T.InterpolationMode.BICUBIC)
finish = T.Compose([T.ToTensor(), T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])])


def decode(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def each(function, values):
    return lambda: [function(value) for value in values]


decoded = [decode(data) for data in files]
resized = [resize(image) for image in decoded]
results = {
    "decode": rate(each(decode, files), len(files)),
    "resize": rate(each(resize, decoded), len(files)),
    "to_tensor_and_normalize": rate(each(finish, resized), len(files)),
    "whole": rate(each(lambda data: finish(resize(decode(data))), files), len(files)),
}

captions = json.loads(Path(args.captions).read_text())
vocab = {token: i for i, token in enumerate(Path(args.vocab).read_text(encoding="utf-8").splitlines())}
tokenizer = BertTokenizerFast(vocab=vocab, do_lower_case=True)
tokenizer.model_max_length = 512


def tokenize(**options):
    return lambda: tokenizer(captions, truncation=True, return_tensors="pt", **options)


results["tokens_longest"] = rate(tokenize(padding="longest"), len(captions))
results["tokens_512"] = rate(tokenize(padding="max_length", max_length=512), len(captions))
results["tokens_core"] = rate(lambda: tokenizer.backend_tokenizer.encode_batch(captions), len(captions))
print(json.dumps(results))
