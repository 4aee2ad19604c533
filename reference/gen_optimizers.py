"""Trajectories of optimizers in float64: torch.optim's, and Lion by the program in its paper (Chen et al. 2023, program 1).

    pip install numpy torch
    python reference/gen_optimizers.py packages/train/src/optimizers/__fixtures__/trajectories.json
"""
import json
import sys

import numpy as np
import torch

STEPS = 6
rng = np.random.default_rng(0)
SHAPES = {"matrix": (3, 4), "filters": (2, 3, 2, 2), "vector": (5,), "scalar": ()}
initial = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
gradients = [{name: rng.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(STEPS)]
rates = [1.0, 0.5, 0.25, 1.0, 0.75, 0.1]  # factors of a schedule


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                m = state.setdefault("exp_avg", torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                c = beta1 * m + (1 - beta1) * p.grad
                p.copy_(p - group["lr"] * (torch.sign(c) + group["weight_decay"] * p))
                m.copy_(beta2 * m + (1 - beta2) * p.grad)


CASES = {
    "SGD": [
        (dict(), torch.optim.SGD, dict()),
        (dict(weightDecay=0.1), torch.optim.SGD, dict(weight_decay=0.1)),
        (dict(momentum=0.9), torch.optim.SGD, dict(momentum=0.9)),
        (
            dict(momentum=0.9, dampening=0.3, weightDecay=0.1),
            torch.optim.SGD,
            dict(momentum=0.9, dampening=0.3, weight_decay=0.1),
        ),
        (
            dict(momentum=0.9, nesterov=True, weightDecay=0.1),
            torch.optim.SGD,
            dict(momentum=0.9, nesterov=True, weight_decay=0.1),
        ),
    ],
    "AdamW": [
        (
            dict(betas=[0.8, 0.95], eps=1e-6, weightDecay=0.1),
            torch.optim.AdamW,
            dict(betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        ),
    ],
    "Lion": [
        (dict(betas=[0.9, 0.99], weightDecay=0.1), Lion, dict(betas=(0.9, 0.99), weight_decay=0.1)),
    ],
    "Adafactor": [
        (dict(weightDecay=0.1), torch.optim.Adafactor, dict(weight_decay=0.1)),
        (
            dict(beta2Decay=-0.5, eps=[1e-4, 0.01], clipThreshold=1.5),
            torch.optim.Adafactor,
            dict(beta2_decay=-0.5, eps=(1e-4, 0.01), d=1.5),
        ),
    ],
}
RATE = 0.05
NAMES = {"momentum_buffer", "exp_avg", "exp_avg_sq", "row_var", "col_var", "variance"}


def flat(x):
    return [float(v) for v in np.asarray(x).reshape(-1)]


def run(make, options):
    parameters = {name: torch.tensor(value, dtype=torch.float64) for name, value in initial.items()}
    optimizer = make(list(parameters.values()), lr=RATE, **options)
    for step in range(STEPS):
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[step][name], dtype=torch.float64)
        for group in optimizer.param_groups:
            group["lr"] = RATE * rates[step]
        optimizer.step()
    state = {
        f"{key}.{name}": flat(value)
        for name, parameter in parameters.items()
        for key, value in optimizer.state[parameter].items()
        if key in NAMES and value is not None
    }
    return {"parameters": {name: flat(p) for name, p in parameters.items()}, "state": state}


result = {
    "learningRate": RATE,
    "factors": rates,
    "shapes": {name: list(shape) for name, shape in SHAPES.items()},
    "initial": {name: flat(value) for name, value in initial.items()},
    "gradients": [{name: flat(value) for name, value in step.items()} for step in gradients],
    "cases": [
        {"optimizer": name, "options": options, **run(make, given)}
        for name, cases in CASES.items()
        for options, make, given in cases
    ],
}
with open(sys.argv[1], "w", encoding="ascii") as file:
    json.dump(result, file)
    file.write("\n")
