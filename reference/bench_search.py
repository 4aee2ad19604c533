"""Python's side of bench/search.bench.mjs: searches on demand. Reads `name queries` lines, answers with seconds of wall and processor time.

Names: numpy (`X @ q`, argpartition, sort of the k) and usearch (its exact search), both with all threads, on the float32 rows of the file that is given.
"""

import sys
import time

import numpy as np
from usearch.index import MetricKind, search

path, queries_path, rows, width, k, threads = sys.argv[1:]
rows, width, k, threads = int(rows), int(width), int(k), int(threads)
X = np.fromfile(path, dtype=np.float32).reshape(rows, width)
Q = np.fromfile(queries_path, dtype=np.float32).reshape(-1, width)


def by_numpy(q):
    if len(q) == 1:
        scores = X @ q[0]
        best = np.argpartition(scores, -k)[-k:]
        return best[np.argsort(-scores[best])][None]
    scores = q @ X.T  # rows of scores are partitioned faster than columns of X @ q.T
    best = np.argpartition(scores, -k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(scores, best, 1), axis=1)
    return np.take_along_axis(best, order, 1)


def by_usearch(q):
    found = search(X, q, k, MetricKind.IP, exact=True, threads=threads)
    return np.asarray(found.keys).reshape(len(q), -1)


SIDES = {"numpy": by_numpy, "usearch": by_usearch}
print("ready", flush=True)
for line in sys.stdin:
    name, count = line.split()
    q = Q[: int(count)]
    wall, cpu = time.perf_counter(), time.process_time()
    best = SIDES[name](q)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(wall, cpu, ",".join(str(i) for i in best[0]), flush=True)
