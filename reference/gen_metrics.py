"""Retrieval metrics and a linear probe by scikit-learn, for packages/metrics/src.

    pip install numpy scikit-learn
    python reference/gen_metrics.py packages/metrics/src/__fixtures__/metrics.json
"""
import json
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, ndcg_score, top_k_accuracy_score

rng = np.random.default_rng(0)
IMAGES, CAPTIONS, WIDTH = 14, 3, 6
image = rng.normal(size=(IMAGES, WIDTH)).astype(np.float32)
owner = rng.permutation(np.repeat(np.arange(IMAGES), CAPTIONS))
text = (image[owner] + 1.2 * rng.normal(size=(len(owner), WIDTH))).astype(np.float32)


def unit(x):
    return x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True)


def scores(queries, candidates, relevant):
    similarity = unit(queries) @ unit(candidates).T
    best = np.where(relevant, similarity, -np.inf).max(1)
    rank = 1 + ((similarity >= best[:, None]) & ~relevant).sum(1)
    return {
        **{f"recall@{k}": float((rank <= k).mean()) for k in (1, 5, 10)},
        "medianRank": float(np.median(rank)),
        "meanRank": float(rank.mean()),
        "mrr": float((1 / rank).mean()),
        "ndcg": float(ndcg_score(relevant, similarity)),
        "map": float(np.mean([average_precision_score(r, s) for r, s in zip(relevant, similarity)])),
    }


features = rng.normal(size=(90, 5)).astype(np.float32)
labels = (features @ rng.normal(size=(5, 4)) + 0.8 * rng.normal(size=(90, 4))).argmax(1)
train, held_out = slice(0, 60), slice(60, 90)
probe = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(features[train], labels[train])

classes = unit(rng.normal(size=(7, WIDTH))).astype(np.float32)
truth = rng.integers(0, 7, size=40)
pictures = (classes[truth] + 0.5 * rng.normal(size=(40, WIDTH))).astype(np.float32)
similarity = unit(pictures) @ classes.astype(np.float64).T


def rows(x):
    return [[float(v) for v in row] for row in x]


relevant = owner[None, :] == np.arange(IMAGES)[:, None]
with open(sys.argv[1], "w", encoding="ascii") as file:
    json.dump({
        "retrieval": {
            "image": rows(image), "text": rows(text), "owner": owner.tolist(),
            "imageToText": scores(image, text, relevant), "textToImage": scores(text, image, relevant.T),
        },
        "linearProbe": {
            "features": rows(features), "labels": labels.tolist(), "train": 60, "C": 0.5,
            # the softmax does not see what is added to all classes alike: compare centred
            "weight": rows(probe.coef_ - probe.coef_.mean(0)), "bias": (probe.intercept_ - probe.intercept_.mean()).tolist(),
            "accuracy": float(probe.score(features[held_out], labels[held_out])),
        },
        "zeroShot": {
            "pictures": rows(pictures), "classes": rows(classes), "labels": truth.tolist(),
            **{f"top{k}": float(top_k_accuracy_score(truth, similarity, k=k, labels=np.arange(7))) for k in (1, 3)},
        },
    }, file)
    file.write("\n")
