"""The PyTorch side of the benchmarks: eager, float32, its best variant (channels_last, fused AdamW, SDPA), N threads.

    python bench.py ROW --folder FOLDER [--steps 5] [--threads 2]

Rows: seed_step, small_step, resnet50_forward, bert_forward. FOLDER holds model.safetensors, the state under PyTorch's
names, and batch.safetensors, both written by the JavaScript side, so that both sides start from the same numbers.
Prints one JSON line: {"row", "seconds": [...], "loss": first loss without dropout, "peak_rss", "torch"}.
"""
import argparse
import json
import resource
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Dual(nn.Module):
    """The reference system: image and text vectors as two tokens of one attention layer."""

    def __init__(self, resnet, bert, width, heads, dropout):
        super().__init__()
        from torchvision import models
        from transformers import BertConfig, BertModel

        self.image_encoder = getattr(models, resnet)(weights=None)
        self.image_encoder.fc = nn.Linear(self.image_encoder.fc.in_features, width)
        config = BertConfig(**bert, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
        self.text_encoder = BertModel(config, add_pooling_layer=False)
        self.text_projection = nn.Linear(config.hidden_size, width)
        self.fusion_layer = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.logit_scale = nn.Parameter(torch.tensor(0.0))

    def load(model, state):
    """Loads a state that may lack the last layer and counters."""
    keys = model.load_state_dict(state, strict=False)
    assert not keys.unexpected_keys, keys.unexpected_keys
    assert all("num_batches_tracked" in k for k in keys.missing_keys), keys.missing_keys
    return model.eval()


def forward(row, state, batch, args):
    """Seconds of inference without gradients; in place of a loss the mean square of the result."""
    if row == "bert_forward":
        from transformers import BertConfig, BertModel

        model = load(BertModel(BertConfig(**BERT_BASE), add_pooling_layer=False), state)
        run = lambda: model(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state
        with torch.inference_mode():
            loss = run().square().mean().item()
            return {"seconds": timed(args.steps, run, args.warm_up), "loss": loss}
    from torchvision import models

    model = models.resnet50(weights=None)
    model.fc = nn.Identity()
    model = load(model, state).to(memory_format=torch.channels_last)
    seconds = {}
    with torch.inference_mode():
        loss = model(batch["pixels"]).square().mean().item()
        for rows, repeats in [(1, 4 * args.steps), (8, args.steps), (32, max(2, args.steps // 3))]:
            pixels = batch["pixels"].repeat(-(-rows // 8), 1, 1, 1)[:rows].contiguous(memory_format=torch.channels_last)
            seconds[rows] = timed(repeats, lambda: model(pixels), args.warm_up)
    return {"batches": seconds, "loss": loss}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=[*STEPS, "resnet50_forward", "bert_forward"])
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    state = load_file(args.folder / "model.safetensors")
    batch = load_file(args.folder / "batch.safetensors")
    batch = {
        "pixels": batch["pixels"].contiguous(memory_format=torch.channels_last),
        "ids": batch["ids"].long(),
        "mask": batch["mask"].long(),
    }
    work = training_step if args.row in STEPS else forward
    result = work(args.row, state, batch, args)
    print(json.dumps({
        "row": args.row,
        **result,
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
