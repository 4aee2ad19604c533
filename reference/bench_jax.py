"""JAX's side of `npm run check:gpu`: a ResNet-50 training step and a BERT-base forward in bfloat16, as one would write them.

Weights are float32, products and convolutions take bfloat16 and sum in float32; AdamW as in optax, written out. Prints a
Markdown table. Needs jax alone: pip install "jax[cuda13]".
"""
import argparse
import time

import jax
import jax.numpy as jnp
from jax import lax

NHWC = ("NHWC", "HWIO", "NHWC")


class Weights:
    """Makes weights at the first pass over a network, and hands them out in the same order at every later one."""

    def __init__(self, values=None):
        self.made, self.values = [], iter(values) if values is not None else None

    def __call__(self, shape, scale):
        if self.values is not None:
            return next(self.values)
        key = jax.random.fold_in(jax.random.key(0), len(self.made))
        self.made.append(jnp.ones(shape) if scale == 1 else jax.random.normal(key, shape) * scale)
        return self.made[-1]


def convolution(w, x, size, width, stride=1):
    kernel = w((size, size, x.shape[-1], width), (2 / (size * size * x.shape[-1])) ** 0.5)
    pad = (size - 1) // 2
    return lax.conv_general_dilated(
        x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), (stride, stride), [(pad, pad)] * 2, dimension_numbers=NHWC
    )


def batch_norm(w, x):
    scale, shift = w((x.shape[-1],), 1), w((x.shape[-1],), 0)
    wide = x.astype(jnp.float32)
    mean, variance = wide.mean((0, 1, 2)), wide.var((0, 1, 2))
    return ((wide - mean) * lax.rsqrt(variance + 1e-5) * scale + shift).astype(jnp.bfloat16)


def resnet50(w, x, tiny):
    x = jax.nn.relu(batch_norm(w, convolution(w, x, 7, 64, 2)))
    x = lax.reduce_window(x, jnp.array(-jnp.inf, x.dtype), lax.max, (1, 3, 3, 1), (1, 2, 2, 1), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for stage, blocks in enumerate((1, 1, 1, 1) if tiny else (3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(blocks):
            stride = 2 if block == 0 and stage > 0 else 1
            y = jax.nn.relu(batch_norm(w, convolution(w, x, 1, width)))
            y = jax.nn.relu(batch_norm(w, convolution(w, y, 3, width, stride)))
            y = batch_norm(w, convolution(w, y, 1, 4 * width))
            skip = batch_norm(w, convolution(w, x, 1, 4 * width, stride)) if block == 0 else x
            x = jax.nn.relu(y + skip)
    return linear(w, x.astype(jnp.float32).mean((1, 2)), 1000)


def linear(w, x, width):
    kernel, bias = w((x.shape[-1], width), x.shape[-1] ** -0.5), w((width,), 0)
    product = lax.dot_general(
        x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16), (((x.ndim - 1,), (0,)), ((), ())), preferred_element_type=jnp.float32
    )
    return product + bias


def layer_norm(w, x):
    scale, shift = w((x.shape[-1],), 1), w((x.shape[-1],), 0)
    return (x - x.mean(-1, keepdims=True)) * lax.rsqrt(x.var(-1, keepdims=True) + 1e-12) * scale + shift


def bert(w, ids, tiny):
    layers, width, heads = (2, 64, 4) if tiny else (12, 768, 12)
    batch, length = ids.shape
    x = layer_norm(w, w((30522, width), 0.02)[ids] + w((512, width), 0.02)[:length])
    for _ in range(layers):
        q, k, v = (linear(w, x, width).reshape(batch, length, heads, -1).astype(jnp.bfloat16) for _ in range(3))
        mixed = jax.nn.dot_product_attention(q, k, v).reshape(batch, length, width)
        x = layer_norm(w, x + linear(w, mixed, width))
        x = layer_norm(w, x + linear(w, jax.nn.gelu(linear(w, x, 4 * width), approximate=False), width))
    return x[:, 0]


def adamw_step(network, tiny):
    def step(state, x, y):
        weights, means, squares, count = state

        def loss(weights):
            logits = network(Weights(weights), x, tiny)
            return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))

        value, gradients = jax.value_and_grad(loss)(weights)
        count = count + 1
        means = [0.9 * m + 0.1 * g for m, g in zip(means, gradients)]
        squares = [0.999 * s + 0.001 * g * g for s, g in zip(squares, gradients)]
        correct, root = 1 - 0.9**count, jnp.sqrt(1 - 0.999**count)
        weights = [
            w * (1 - 5e-7) - 5e-5 * (m / correct) / (jnp.sqrt(s) / root + 1e-8) for w, m, s in zip(weights, means, squares)
        ]
        return (weights, means, squares, count), value

    return step


def report(name, batch, compiled, cold, run, steps):
    times = []
    for _ in range(steps + 3):
        began = time.perf_counter()
        jax.block_until_ready(run())
        times.append(time.perf_counter() - began)
    median = sorted(times[3:])[steps // 2]
    analysis = compiled.memory_analysis()
    peak = getattr(analysis, "peak_memory_in_bytes", 0) / 2**30
    print(f"| {name}, batch {batch}, bf16 | {median * 1e3:.2f} | {batch / median:.0f} | {peak:.2f} | {cold:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    batch, side, tokens = (8, 32, 16) if options.tiny else (256, 224, 64)
    print("| program | ms | samples/s | peak GiB planned | compile s |\n| --- | --- | --- | --- | --- |")

    weights = Weights()
    x = jax.random.normal(jax.random.key(1), (batch, side, side, 3))
    resnet50(weights, x[:1], options.tiny)
    y = jnp.arange(batch) % 1000
    zeros = [jnp.zeros_like(w) for w in weights.made]
    state = (weights.made, zeros, [jnp.zeros_like(w) for w in weights.made], jnp.float32(0))
    began = time.perf_counter()
    step = jax.jit(adamw_step(resnet50, options.tiny), donate_argnums=0).lower(state, x, y).compile()
    cold = time.perf_counter() - began

    def train():
        nonlocal state
        state, loss = step(state, x, y)
        return loss

    report("resnet50 training", batch, step, cold, train, options.steps)

    weights = Weights()
    ids = (jnp.arange(batch * tokens).reshape(batch, tokens) * 7919) % 30522
    bert(weights, ids[:1], options.tiny)
    began = time.perf_counter()
    forward = jax.jit(lambda values, given: bert(Weights(values), given, options.tiny)).lower(weights.made, ids).compile()
    report("bert", batch, forward, time.perf_counter() - began, lambda: forward(weights.made, ids), options.steps)


if __name__ == "__main__":
    main()
