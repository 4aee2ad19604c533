"""Metrics of labels by scikit-learn, and losses of labels with their gradients by PyTorch.

    pip install numpy scikit-learn torch
    python reference/gen_labels.py packages/metrics/src/__fixtures__/labels.json packages/train/src/heads/__fixtures__/losses.json
"""
import json
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score, r2_score, roc_auc_score

rng = np.random.default_rng(0)


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        json.dump(value, file)
        file.write("\n")


ROWS, CLASSES = 60, 4
labels = rng.integers(0, CLASSES, size=ROWS)
logits = np.round(np.eye(CLASSES)[labels] + rng.normal(size=(ROWS, CLASSES)), 1)  # rounded: with ties
odd = rng.integers(0, CLASSES, size=ROWS)
odd[odd == 3] = 5  # a class that is never right, and one that is never predicted
many = (rng.random((ROWS, CLASSES)) < 0.3).astype(int)
found = (rng.random((ROWS, CLASSES)) < 0.3).astype(int)
found[:, 2] = many[:, 2] = 0  # a label that nobody has
scores = np.round(many + rng.normal(size=many.shape), 1)
with_both = [0, 1, 3]
targets = rng.normal(size=(ROWS, 3))
targets[:, 2] = 1.5
predicted = targets + 0.5 * rng.normal(size=targets.shape)
softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
# rank each column the same as its probabilities: scikit-learn wants rows that sum to 1
rows = lambda x: [[float(v) for v in row] for row in x]

write(sys.argv[1], {
    "classes": {
        "labels": labels.tolist(), "predicted": logits.argmax(1).tolist(), "odd": odd.tolist(), "probabilities": rows(softmax),
        "accuracy": accuracy_score(labels, logits.argmax(1)),
        "macroF1": f1_score(labels, logits.argmax(1), average="macro"),
        "oddMacroF1": f1_score(labels, odd, average="macro", zero_division=0),
        "auroc": roc_auc_score(labels, softmax, multi_class="ovr", average="macro"),
    },
    "binary": {
        "labels": (labels == 1).astype(int).tolist(), "scores": logits[:, 1].tolist(),
        "auroc": roc_auc_score(labels == 1, logits[:, 1]),
    },
    "many": {
        "labels": rows(many), "predicted": rows(found), "scores": rows(scores),
        "accuracy": accuracy_score(many, found),
        "macroF1": f1_score(many, found, average="macro", zero_division=0),
        "auroc": roc_auc_score(many[:, with_both], scores[:, with_both], average="macro"),
    },
    "numbers": {
        "targets": rows(targets), "predicted": rows(predicted),
        "r2": r2_score(targets, predicted), "first": r2_score(targets[:, 0], predicted[:, 0]),
        "constant": r2_score(targets[:, 2], targets[:, 2]),
    },
})


def case(loss, logits):
    logits = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    value = loss(logits)
    value.backward()
    return {"logits": logits.tolist(), "loss": value.item(), "gradient": logits.grad.tolist()}


z = rng.normal(size=(6, 4)).astype(np.float32)
classes = torch.tensor([0, 3, 1, 1, -1, 2])
class_weights = torch.tensor([0.5, 2.0, 1.0, 3.0], dtype=torch.float64)
several = torch.tensor((rng.random((6, 4)) < 0.4), dtype=torch.float64)
numbers = torch.tensor(rng.normal(size=(6, 4)).astype(np.float32), dtype=torch.float64)

write(sys.argv[2], {
    "classes": classes.tolist(), "classWeights": class_weights.tolist(), "several": several.tolist(), "numbers": numbers.tolist(),
    "crossEntropy": {
        "plain": case(lambda x: F.cross_entropy(x, classes, ignore_index=-1), z),
        "weights": case(lambda x: F.cross_entropy(x, classes, weight=class_weights, ignore_index=-1), z),
        "smoothing": case(lambda x: F.cross_entropy(x, classes, ignore_index=-1, label_smoothing=0.1), z),
        "both": case(lambda x: F.cross_entropy(x, classes, weight=class_weights, ignore_index=-1, label_smoothing=0.1), z),
    },
    "binaryCrossEntropy": {
        "plain": case(lambda x: F.binary_cross_entropy_with_logits(x, several), z),
        "weights": case(lambda x: F.binary_cross_entropy_with_logits(x, several, pos_weight=class_weights), z),
        "smoothing": case(lambda x: F.binary_cross_entropy_with_logits(x, several * 0.9 + 0.05), z),
    },
    "meanSquaredError": case(lambda x: F.mse_loss(x, numbers), z),
})
