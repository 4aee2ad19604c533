"""Names and shapes of torchvision's EfficientNet and MobileNetV3, for packages/vision/src/torchvision-mobile.test.ts.

    python reference/gen_torchvision_mobile.py --out packages/vision/src/__fixtures__/torchvision-mobile.json
"""
import argparse
import json
from pathlib import Path

import torchvision

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, required=True)
args = parser.parse_args()

lines = []
for name in ("efficientnet_b0", "efficientnet_b2", "mobilenet_v3_small", "mobilenet_v3_large"):
    state = getattr(torchvision.models, name)().state_dict()
    shapes = {key: list(value.shape) for key, value in state.items() if not key.endswith("num_batches_tracked")}
    lines.append(f' "{name}": {json.dumps(shapes)}')
args.out.parent.mkdir(parents=True, exist_ok=True)
args.out.write_text("{\n" + ",\n".join(lines) + "\n}\n")
