"""Full-size image encoders with random weights, saved as checkpoints beside PyTorch's outputs and gradients.

    pip install torch torchvision transformers safetensors && pip install --no-deps timm
    python reference/parity_full_vision.py --out .cache/parity-vision
    npx turbo run build --filter=@diptych/vision... --filter=@diptych/tfjs-backend-onnxruntime...
    node reference/parity_full_vision.mjs .cache/parity-vision

Each folder below --out is a checkpoint in the hub's layout with `expected.safetensors`: `pixel_values` (NCHW), `r`, values in eval
mode (`eval.*`), in train mode for networks with batch normalisation (`train.output`, `after.BUFFER`), and `grad.*` of sum(output * r)
in train mode. `meta.json` has PyTorch's own error, float32 against float64, relative to each tensor's largest value.
"""
import argparse
import json
import shutil
from functools import partial
from pathlib import Path

import timm
import torch
import torchvision
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("--only", nargs="*", default=None, help="names of networks, default all")
args = parser.parse_args()
torch.set_num_threads(2)


def lively(model, g):
    """Normalisations that are neither 1 and 0, statistics as after some training, layer scales that let blocks speak."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("gamma"):
                p.fill_(0.1)
            elif p.dim() == 1 and name.endswith("weight"):
                p.copy_(1 + 0.1 * torch.randn(p.shape, generator=g))
            elif p.dim() == 1:
                p.copy_(0.05 * torch.randn(p.shape, generator=g))
        for name, b in model.named_buffers():
            if name.endswith("running_mean"):
                b.copy_(0.1 * torch.randn(b.shape, generator=g))
            elif name.endswith("running_var"):
                b.copy_(0.7 + 0.6 * torch.rand(b.shape, generator=g))
    return model


def timm_config(architecture, classes):
    return {"architecture": architecture, "num_classes": classes}


def clip_vision(model):
    return lambda x: model.visual_projection(model.vision_model(pixel_values=x).pooler_output)


def siglip_vision(model):
    return lambda x: model.vision_model(pixel_values=x).pooler_output


def networks():
    """Name -> (make model, function of the pixels, config.json, batch, stages to record)."""
    stages = ["conv1", "bn1", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool"]
    yield "resnet50", lambda: torchvision.models.resnet50(num_classes=768), None, timm_config("resnet50", 768), 8, stages
    yield "vit_base_patch16_224", lambda: timm.create_model("vit_base_patch16_224", num_classes=768), None, timm_config(
        "vit_base_patch16_224", 768), 2, ["norm"]
    yield "convnext_tiny", lambda: timm.create_model("convnext_tiny", num_classes=768), None, timm_config(
        "convnext_tiny", 768), 2, []
    for mobile in ("efficientnet_b0", "tf_efficientnet_b1", "efficientnet_b4", "tf_efficientnet_lite0", "efficientnet_lite2",
                   "mobilenetv3_small_100", "mobilenetv3_large_100", "tf_mobilenetv3_large_100"):
        yield mobile, partial(timm.create_model, mobile, num_classes=768, drop_rate=0.0), None, timm_config(mobile, 768), 4, []
    yield "clip-vit-base-patch32", lambda: CLIPModel(CLIPConfig()), clip_vision, CLIPConfig().to_dict(), 4, []
    yield "siglip-base-patch16-224", lambda: SiglipModel(SiglipConfig()), siglip_vision, SiglipConfig().to_dict(), 2, []


def run(model, function, state, x, r, stages, dtype):
    model = model.to(dtype)
    model.load_state_dict(state)
    x, r = x.to(dtype), r.to(dtype)
    forward = function(model) if function else model
    result = {}
    model.eval()
    hooks = [getattr(model, name).register_forward_hook(
        lambda _, __, y, name=name: result.__setitem__(f"eval.{name}", y.detach().clone())) for name in stages]
    with torch.no_grad():
        result["eval.output"] = forward(x)
    for hook in hooks:
        hook.remove()
    def gradients(prefix):
        model.zero_grad()
        output = forward(x)
        (output * r).sum().backward()
        result.update({f"{prefix}.{k}": p.grad.clone() for k, p in model.named_parameters() if p.grad is not None})
        return output

    gradients("grad")
    if any(name.endswith("running_mean") for name, _ in model.named_buffers()):
        model.train()
        result["train.output"] = gradients("train.grad")
        result |= {f"after.{k}": b for k, b in model.named_buffers() if "running" in k}
    return {k: v.detach().clone() for k, v in result.items()}


for name, make, function, config, batch, stages in networks():
    if args.only is not None and name not in args.only:
        continue
    torch.manual_seed(0)
    g = torch.Generator().manual_seed(1)
    model = lively(make(), g)
    state = {k: v.clone().contiguous() for k, v in model.state_dict().items()}
    # Pictures with large shapes: on white noise all pictures look alike to a random network, and batch normalisation of such
    # features makes gradients chaotic (PyTorch's own float32 is then 10 % off).
    shapes = torch.randn(batch, 3, 7, 7, generator=g)
    x = torch.nn.functional.interpolate(shapes, 224, mode="bilinear") + 0.2 * torch.randn(batch, 3, 224, 224, generator=g)
    width = (function(model) if function else model).__call__(x[:1]).shape[1]
    r = torch.randn(batch, width, generator=g)
    folder = args.out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1, default=str))
    single = run(model, function, state, x, r, stages, torch.float32)
    save_file({"pixel_values": x, "r": r} | {k: v.contiguous() for k, v in single.items()}, folder / "expected.safetensors")
    double = run(model, function, state, x, r, stages, torch.float64)
    error = {k: float((single[k].double() - v).abs().max() / v.abs().max().clamp_min(1e-300)) for k, v in double.items()}
    (folder / "meta.json").write_text(json.dumps({"relative_error": error}))
    print(f"{name}: {len(state)} tensors, {len(single)} expected, largest error of float32 against float64 {max(error.values()):.1e}")
