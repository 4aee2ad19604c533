"""The PyTorch side of the benchmarks: eager, float32, its best variant (channels_last, fused AdamW, SDPA), N threads.

    python bench.py ROW --folder FOLDER [--steps 5] [--threads 2]

Rows: seed_step, small_step (whole training steps), seed_gradients, small_gradients (checks), resnet50_forward,
bert_forward. FOLDER holds model.safetensors, the state under PyTorch's
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

    def forward(self, pixels, ids, mask):
        image = self.image_encoder(pixels)
        hidden = self.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        text = self.text_projection(hidden[:, 0])
        tokens = torch.stack([image, text], 1)
        fused, _ = self.fusion_layer(tokens, tokens, tokens, need_weights=False)
        return image, text, fused[:, 0]

    def loss(self, batch):
        image, text, fused = self(batch["pixels"], batch["ids"], batch["mask"])
        logits = self.logit_scale.exp() * F.normalize(image, dim=1) @ F.normalize(text, dim=1).T
        target = torch.arange(len(logits))
        contrastive = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return contrastive + fused.square().mean()


BERT_BASE = dict(vocab_size=30522, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
MINILM = dict(vocab_size=30522, hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
STEPS = {"seed_step": ("resnet50", BERT_BASE, 768, 8), "small_step": ("resnet18", MINILM, 384, 8)}


def timed(repeats, run, args):
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    for _ in range(args.warm_up):
        run()
    seconds = []
    for _ in range(repeats):
        start = clock()
        run()
        seconds.append(clock() - start)
    return seconds


def training_step(row, state, batch, args):
    """Seconds of whole steps (zero_grad, forward, backward, AdamW), and the first loss with dropout off."""
    model = Dual(*STEPS[row], dropout=0.1)
    load(model, state)
    model.train().to(memory_format=torch.channels_last)
    rates = {}
    for name, module in model.named_modules():
        for attribute in ("p", "dropout", "dropout_prob", "attention_dropout"):
            value = getattr(module, attribute, None)
            if isinstance(value, float):
                rates[name, attribute] = value
                setattr(module, attribute, 0.0)
    buffers = {k: v.clone() for k, v in model.named_buffers()}
    with torch.no_grad():
        loss = model.loss(batch).item()
    for (name, attribute), value in rates.items():
        setattr(model.get_submodule(name), attribute, value)
    for k, v in model.named_buffers():
        v.copy_(buffers[k])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.01, fused=True)
    losses = []

    def step():
        optimizer.zero_grad(set_to_none=True)
        value = model.loss(batch)
        value.backward()
        optimizer.step()
        losses.append(value.item())

    return {"seconds": timed(args.steps, step, args), "loss": loss, "losses": losses}


def gradients(row, state, batch, args):
    """The relative error of the gradients that the JavaScript side left in the folder, and of PyTorch's own float32.

    The reference is float64; errors are |x - reference| / |reference|, Euclidean norms over all parameters or one. Key biases are left
    out: softmax does not see them, so that their gradients are rounding noise around zero.
    """
    def run(dtype):
        model = Dual(*STEPS[row.replace("gradients", "step")], dropout=0.0)
        load(model, state)
        model.train().to(dtype)
        model.loss({**batch, "pixels": batch["pixels"].to(dtype)}).backward()
        return {k: p.grad.double() for k, p in model.named_parameters() if p.grad is not None}

    reference = run(torch.float64)
    size = reference["fusion_layer.out_proj.bias"].numel()

    def errors(found):
        assert found.keys() == reference.keys(), found.keys() ^ reference.keys()
        result = {}
        for name, expected in reference.items():
            if name.endswith("key.bias"):
                continue
            x = found[name].double()
            if name == "fusion_layer.in_proj_bias":
                x, expected = (torch.cat([t[:size], t[2 * size:]]) for t in (x, expected))
            result[name] = ((x - expected).norm().item(), expected.norm().item())
        return result

    def summary(found):
        result = errors(found)
        worst = max(result, key=lambda name: result[name][0] / result[name][1])
        total = [sum(pair[i] ** 2 for pair in result.values()) ** 0.5 for i in (0, 1)]
        return {"all": total[0] / total[1], "worst": result[worst][0] / result[worst][1], "name": worst}

    ours = load_file(args.folder / "gradients.safetensors")
    return {"count": len(ours), "ours": summary(ours), "float32": summary(run(torch.float32))}


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
            return {"seconds": timed(args.steps, run, args), "loss": loss}
    from torchvision import models

    model = models.resnet50(weights=None)
    model.fc = nn.Identity()
    model = load(model, state).to(memory_format=torch.channels_last)
    seconds = {}
    with torch.inference_mode():
        loss = model(batch["pixels"]).square().mean().item()
        for rows, repeats in [(1, 4 * args.steps), (8, args.steps), (32, max(2, args.steps // 3))]:
            pixels = batch["pixels"].repeat(-(-rows // 8), 1, 1, 1)[:rows].contiguous(memory_format=torch.channels_last)
            seconds[rows] = timed(repeats, lambda: model(pixels), args)
    return {"batches": seconds, "loss": loss}


WORK = {
    "seed_step": training_step,
    "small_step": training_step,
    "seed_gradients": gradients,
    "small_gradients": gradients,
    "resnet50_forward": forward,
    "bert_forward": forward,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=list(WORK))
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    state = load_file(args.folder / "model.safetensors")
    batch = load_file(args.folder / "batch.safetensors")
    batch = {
        "pixels": batch["pixels"].contiguous(memory_format=torch.channels_last),
        "ids": batch["ids"].long(),
        # without padding there is no mask to give, and attention takes its faster way
        "mask": None if batch["mask"].all() else batch["mask"].long(),
    }
    result = WORK[args.row](args.row, state, batch, args)
    print(json.dumps({
        "row": args.row,
        **result,
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
