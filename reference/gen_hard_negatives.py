"""InfoNCE with explicit hard negatives by PyTorch, for packages/train/src/losses: each row chooses among the columns that count for it.

    python reference/gen_hard_negatives.py packages/train/src/losses/__fixtures__/hard-negatives.json
"""
import json
import sys

import torch
from torch.nn.functional import cross_entropy, normalize

torch.manual_seed(0)
PAIRS, TEXTS, IMAGES, WIDTH, SCALE = 6, 5, 3, 8, 2.0


def one_way(queries, partners, negatives, ids, negative_ids, scale, smoothing):
    """Mean over the rows that count of the cross-entropy with a target that is even over a row's positives."""
    losses = []
    for query, own in zip(queries, ids):
        if own < 0:
            continue
        columns = [(p, i == own) for p, i in zip(partners, ids) if i >= 0]
        columns += [(n, False) for n, i in zip(negatives, negative_ids) if i != own]
        logits = scale * torch.stack([normalize(c, dim=0) @ normalize(query, dim=0) for c, _ in columns])
        right = torch.tensor([float(r) for _, r in columns], dtype=torch.float64)
        losses.append(cross_entropy(logits[None], (right / right.sum())[None], label_smoothing=smoothing))
    return torch.stack(losses).mean()


def case(name, ids, text_ids, image_ids, smoothing):
    tensors = {
        "image": torch.randn(PAIRS, WIDTH),
        "text": torch.randn(PAIRS, WIDTH),
        "negativeTexts": torch.randn(TEXTS, WIDTH),
        "negativeImages": torch.randn(IMAGES, WIDTH),
        "logitScale": torch.tensor(SCALE),
    }
    leaves = {key: value.double().requires_grad_() for key, value in tensors.items()}
    image, text, negative_texts, negative_images, logit_scale = leaves.values()
    scale = logit_scale.exp()
    loss = 0.5 * (
        one_way(image, text, negative_texts, ids, text_ids, scale, smoothing)
        + one_way(text, image, negative_images, ids, image_ids, scale, smoothing)
    )
    loss.backward()
    return {
        "name": name,
        "ids": ids,
        "negativeTextIds": text_ids,
        "negativeImageIds": image_ids,
        "labelSmoothing": smoothing,
        "inputs": {key: value.tolist() for key, value in tensors.items()},
        "loss": loss.item(),
        "gradients": {key: leaf.grad.tolist() for key, leaf in leaves.items()},
    }


unique = list(range(PAIRS))
others = [10, 11, 12, 13, 14]
with open(sys.argv[1], "w", encoding="ascii") as file:
    json.dump([
        case("every negative against every row", unique, others, others[:IMAGES], 0.0),
        case("negatives that are positives of some rows", [0, 1, 0, 2, 3, 3], [0, 3, 10, 2, 2], [1, 0, 10], 0.0),
        case("rows that do not count, label smoothing", [0, 1, 0, -1, 2, -1], [0, 10, 2, 11, 1], [2, 2, 12], 0.1),
    ], file)
    file.write("\n")
