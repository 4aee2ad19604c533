"""The PyTorch side of the main job (`npm start`): the same data, split, model, losses and recipe.

    python reference/emoji_train.py --split base --seed 0

Prints one JSON line with recalls, matching accuracy and the seconds that decoding and training took.
"""
import argparse
import hashlib
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from transformers import BertTokenizerFast

ROOT = Path(__file__).resolve().parent.parent
DIM = 128


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["random", "base"], default="base")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--matcher-lr", type=float, default=4e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--tags", type=float, default=0.0, help="share of captions replaced by label and tags")
    parser.add_argument("--text-dropout", type=float, default=0.0, help="share of WordPiece tokens dropped in training")
    parser.add_argument("--cutout", type=int, default=0, help="side of a grey square put at a random place")
    parser.add_argument("--colour", type=float, default=0.0, help="strength of a random gain and offset of each channel")
    parser.add_argument("--scale", type=float, default=0.0, help="random zoom of up to this share")
    parser.add_argument("--shift", type=int, default=4)
    parser.add_argument("--smooth", type=float, default=0.0)
    parser.add_argument("--ema", type=float, default=0.0)
    parser.add_argument("--group-positives", action="store_true")
    parser.add_argument("--dropout", type=float, default=0.0, help="dropout before both towers' last layer")
    parser.add_argument("--hidden", type=int, default=0, help="residual MLP of this width in the text tower")
    return parser.parse_args()


def plain(code):
    return code.upper().replace("-FE0F", "")


def load_pairs():
    folder = ROOT / "node_modules/emoji-datasource-google"
    labels, tags = {}, {}

    def add(items, inherited=None):
        for item in items:
            labels[plain(item["hexcode"])] = item["label"]
            tags[plain(item["hexcode"])] = item.get("tags", inherited or [])
            add(item.get("skins", []), item.get("tags", []))

    add(json.loads((ROOT / "node_modules/emojibase-data/en/data.json").read_text()))
    pairs = []
    for entry in json.loads((folder / "emoji.json").read_text()):
        for item in [entry, *entry.get("skin_variations", {}).values()]:
            code = plain(item["unified"])
            if code in labels:
                pairs.append((code, plain(entry["unified"]), folder / "img/google/64" / item["image"], labels[code], tags[code]))
    return pairs


def split(pairs, kind, seed):
    key = (lambda p: p[1]) if kind == "base" else (lambda p: p[0])
    keys = sorted({key(p) for p in pairs}, key=lambda k: hashlib.sha256(f"{seed}:{k}".encode()).hexdigest())
    count = {}
    for p in pairs:
        count[key(p)] = count.get(key(p), 0) + 1
    held, rows = set(), 0
    for k in keys:
        if rows >= len(pairs) // 5:
            break
        held.add(k)
        rows += count[k]
    return [p for p in pairs if key(p) not in held], [p for p in pairs if key(p) in held]


def pixels(pairs):
    out = np.empty((len(pairs), 64, 64, 3), np.uint8)
    for i, p in enumerate(pairs):
        image = Image.open(p[2]).convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        out[i] = np.asarray(white.convert("RGB").resize((64, 64), Image.BICUBIC) if image.size != (64, 64) else white.convert("RGB"))
    return torch.from_numpy(out)


def normalise(x):
    return x.permute(0, 3, 1, 2).float() / 127.5 - 1


def augment(x, a, g):
    """Shift by up to `shift` pixels, the rest white; the other augmentations only where asked for."""
    b = len(x)
    x = normalise(x)
    if a.scale > 0 or a.shift:
        z = 1 + (torch.rand(b, generator=g) * 2 - 1) * a.scale
        t = torch.randint(-a.shift, a.shift + 1, (b, 2), generator=g).float() / 32
        theta = torch.zeros(b, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = z
        theta[:, :, 2] = t
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        x = F.grid_sample(x - 1, grid, mode="bilinear" if a.scale else "nearest", padding_mode="zeros", align_corners=False) + 1
    if a.colour > 0:
        gain = 1 + (torch.rand(b, 3, 1, 1, generator=g) * 2 - 1) * a.colour
        x = (x - 1) * gain + 1
    if a.cutout:
        for i in range(b):
            y0, x0 = torch.randint(0, 64 - a.cutout, (2,), generator=g).tolist()
            x[i, :, y0 : y0 + a.cutout, x0 : x0 + a.cutout] = 0
    return x.contiguous(memory_format=torch.channels_last)


class ImageTower(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        layers, into = [], 3
        for width in (32, 64, 128, 256):
            layers += [nn.Conv2d(into, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            into = width
        self.blocks, self.drop, self.fc = nn.Sequential(*layers), nn.Dropout(dropout), nn.Linear(4 * 4 * 256, DIM)

    def forward(self, x):
        return self.fc(self.drop(self.blocks(x).flatten(1)))


class TextTower(nn.Module):
    def __init__(self, vocabulary, dropout, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, DIM)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.norm, self.drop, self.fc = nn.LayerNorm(DIM), nn.Dropout(dropout), nn.Linear(DIM, DIM)
        self.mlp = nn.Sequential(nn.Linear(DIM, hidden), nn.GELU(), nn.Linear(hidden, DIM)) if hidden else None

    def forward(self, ids, mask):
        mask = mask.float()[..., None]
        x = self.norm((self.embedding(ids) * mask).sum(1) / mask.sum(1))
        if self.mlp is not None:
            x = x + self.mlp(x)
        return self.fc(self.drop(x))


class Matcher(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(DIM, 4, dropout=0.1, batch_first=True), nn.Linear(DIM, 1)

    def forward(self, image, text):
        x = torch.stack([image, text], 1) * math.sqrt(DIM)
        return self.head(self.attention(x, x, x)[0][:, 0])[:, 0]


def recalls(similarity):
    own = similarity.diagonal()[:, None]
    ranks = (similarity >= own).sum(1).float()
    return {"recall@1": (ranks <= 1).float().mean().item(), "recall@5": (ranks <= 5).float().mean().item(),
            "recall@10": (ranks <= 10).float().mean().item(), "medianRank": ranks.median().item()}


def matching_accuracy(match, image, text):
    similarity = image @ text.T
    similarity.fill_diagonal_(-2)
    wrong = similarity.argmax(1)
    return (match(image, text) > match(image, text[wrong])).float().mean().item()


@torch.no_grad()
def evaluate(towers, held, tokens, scale, seed):
    image_tower, text_tower, matcher = (t.eval() for t in towers)
    image = F.normalize(torch.cat([image_tower(normalise(p)) for p in pixels(held).split(256)]), dim=1)
    text = F.normalize(text_tower(*tokens([p[3] for p in held])), dim=1)
    similarity = text @ image.T
    top = similarity.topk(50, 1).indices
    rows = torch.arange(len(held))
    logits = torch.stack([matcher(image[top[:, k]], text) for k in range(50)], 1)
    combined = scale * similarity.gather(1, top) + logits
    best = top.gather(1, combined.argmax(1, keepdim=True))[:, 0]
    shuffled = torch.randperm(len(held), generator=torch.Generator().manual_seed(seed))
    return {"textToImage": recalls(similarity), "imageToText": recalls(similarity.T),
            "matching": {"accuracy": matching_accuracy(matcher, image, text), "shuffled": matching_accuracy(matcher, image[shuffled], text)},
            "rerank": {"recall@1": (best == rows).float().mean().item()}}


def main():
    a = arguments()
    torch.set_num_threads(2)
    torch.manual_seed(a.seed)
    g = torch.Generator().manual_seed(a.seed)
    train, held = split(load_pairs(), a.split, a.seed)
    tokenizer = BertTokenizerFast(vocab=str(ROOT / "golden/tokenizer/vocab.txt"))
    encode = lambda texts: tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    tokens = lambda texts: (lambda e: (e["input_ids"], e["attention_mask"]))(encode(texts))
    begin = time.perf_counter()
    pictures = pixels(train)
    decode_seconds = time.perf_counter() - begin
    towers = ImageTower(a.dropout), TextTower(30522, a.dropout, a.hidden), Matcher()
    image_tower, text_tower, matcher = towers
    image_tower.to(memory_format=torch.channels_last)
    log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
    groups = []
    for module, rate in ((image_tower, a.lr), (text_tower, a.lr), (matcher, a.matcher_lr)):
        for wide in (True, False):
            members = [p for p in module.parameters() if (p.dim() >= 2) == wide]
            groups.append({"params": members, "lr": rate, "base": rate, "weight_decay": a.decay if wide else 0.0})
    groups.append({"params": [log_scale], "lr": a.lr, "base": a.lr, "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
    averages = [p.detach().clone() for group in groups for p in group["params"]] if a.ema else None
    warmup, losses = max(1, round(a.steps * 0.1)), []
    begin, step = time.perf_counter(), 0
    while step < a.steps:
        for rows in torch.randperm(len(train), generator=g)[: len(train) // a.batch * a.batch].split(a.batch):
            if step == a.steps:
                break
            factor = (step + 1) / warmup if step < warmup else 0.5 * (1 + math.cos(math.pi * (step - warmup) / (a.steps - warmup)))
            for group in groups:
                group["lr"] = group["base"] * factor
            texts = [", ".join([train[r][3], *train[r][4]]) if a.tags and torch.rand((), generator=g) < a.tags else train[r][3] for r in rows]
            ids, mask = tokens(texts)
            if a.text_dropout:
                mask = mask * ((torch.rand(mask.shape, generator=g) >= a.text_dropout) | (ids == 101) | (ids == 102))
            image = F.normalize(image_tower(augment(pictures[rows], a, g)), dim=1)
            text = F.normalize(text_tower(ids, mask), dim=1)
            logits = log_scale.exp() * image @ text.T
            n = len(rows)
            if a.group_positives:
                code = {c: i for i, c in enumerate({train[r][1] for r in rows})}
                group_of = torch.tensor([code[train[r][1]] for r in rows])
                logits_c = logits.masked_fill((group_of[:, None] == group_of[None]) & ~torch.eye(n, dtype=torch.bool), -1e4)
            else:
                logits_c = logits
            target = torch.arange(n)
            contrastive = (F.cross_entropy(logits_c, target, label_smoothing=a.smooth) + F.cross_entropy(logits_c.T, target, label_smoothing=a.smooth)) / 2
            with torch.no_grad():
                weights = logits.masked_fill(torch.eye(n, dtype=torch.bool), -torch.inf)
                hard_text = torch.multinomial(weights.softmax(1), 1, generator=g)[:, 0]
                hard_image = torch.multinomial(weights.T.softmax(1), 1, generator=g)[:, 0]
            match = matcher(torch.cat([image, image, image[hard_image]]), torch.cat([text, text[hard_text], text]))
            matching = F.binary_cross_entropy_with_logits(match, torch.cat([torch.ones(n), torch.zeros(2 * n)]))
            loss = contrastive + matching
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                log_scale.clamp_(0, math.log(100))
                if averages:
                    torch._foreach_lerp_(averages, [p.detach() for group in groups for p in group["params"]], 1 - min(a.ema, (step + 1) / (step + 10)))
            losses.append(loss.item())
            step += 1
    seconds = time.perf_counter() - begin
    if averages:
        with torch.no_grad():
            for p, average in zip((p for group in groups for p in group["params"]), averages):
                p.copy_(average)
    metrics = evaluate(towers, held, tokens, log_scale.exp().item(), a.seed)
    print(json.dumps({"args": vars(a), "decode_seconds": round(decode_seconds, 1), "seconds": round(seconds, 1), "step_ms": round(1000 * seconds / a.steps, 1), "first_loss": losses[0],
                      "last_loss": float(np.mean(losses[-10:])), "candidates": len(held), **metrics}))


if __name__ == "__main__":
    main()
