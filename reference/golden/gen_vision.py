"""Tiny ViT, ConvNeXt and ResNet of timm 1.0 and of transformers in the hub's layout, a ResNeXt of torchvision: eval mode; an
EfficientNet and a MobileNetV3 of timm: eval and train mode."""
import json

import timm
import torch
from timm.layers import resample_abs_pos_embed
from timm.models import save_for_hf
from timm.models.efficientnet import _gen_efficientnet
from timm.models.mobilenetv3 import _gen_mobilenet_v3
from transformers import (ConvNextConfig, ConvNextForImageClassification, EfficientNetConfig,
                          EfficientNetForImageClassification, ResNetConfig, ResNetForImageClassification, ViTConfig,
                          ViTForImageClassification)

from torchvision.models.resnet import Bottleneck, ResNet

from common import arguments, float32_error, randn, randomize, save_json, save_tensors

CLASSES = 10


def output_of(model, x):
    y = model(x)
    return y if isinstance(y, torch.Tensor) else y.logits


def tokens_of(model, x):
    """What the last stage gives, before pooling: [B, T, D] or [B, C, H, W]."""
    if hasattr(model, "forward_features"):
        return model.forward_features(x)
    if hasattr(model, "settings"):
        return torch.nn.Sequential(*list(model.children())[:-2])(x)
    return model.base_model(x).last_hidden_state


def run(model, state, x, r, dtype):
    model = model.to(dtype).eval()
    model.load_state_dict(state)
    model.zero_grad()
    x = x.to(dtype)
    y = output_of(model, x)
    (y * r.to(dtype)).sum().backward()
    result = {"features": tokens_of(model, x), "output": y}
    # timm's names are ours; transformers' need an adapter, which outputs alone can test. Some are learned in train mode below.
    if hasattr(model, "args") or "block" in getattr(model, "settings", {}):
        result |= {f"grad.{k}": p.grad for k, p in model.named_parameters() if p.grad is not None}
    return {k: v.detach().clone() for k, v in result.items()}


def run_training(model, state, x, r, dtype):
    """Output, gradients and the statistics after one step of normalisations that look at their batch."""
    model = model.to(dtype).train()
    model.load_state_dict(state)
    model.zero_grad()
    y = model(x.to(dtype))
    (y * r.to(dtype)).sum().backward()
    result = {"train.output": y} | {f"train.grad.{k}": p.grad for k, p in model.named_parameters()}
    result |= {f"after.{k}": b for k, b in model.named_buffers() if b.is_floating_point()}
    return {k: v.detach().clone() for k, v in result.items()}


def positions(model, x48, state):
    """timm's position embeddings for other grids, and the network's output with those for 48 pixels."""
    cls = model.num_prefix_tokens
    table = state["pos_embed"].float()
    result = {f"pos_embed.{n}": resample_abs_pos_embed(table, [n, n], num_prefix_tokens=cls) for n in [3, 6]}
    larger = timm.create_model(model.architecture, num_classes=CLASSES, **model.args | {"img_size": 48}).eval()
    larger.load_state_dict(state | {"pos_embed": result["pos_embed.6"]})
    return result | {"output48": larger(x48).detach()}


def of_timm(architecture, **args):
    model = timm.create_model(architecture, num_classes=CLASSES, **args)
    model.architecture, model.args = architecture, args
    return model


def small_resnext(width, groups, width_per_group):
    """torchvision's ResNeXt with few channels, as small_resnet of common.py."""
    net = ResNet(Bottleneck, [1, 1, 1, 1], num_classes=CLASSES, groups=groups, width_per_group=width_per_group)
    net.inplanes = width
    net.conv1 = torch.nn.Conv2d(3, width, kernel_size=7, stride=2, padding=3, bias=False)
    net.bn1 = torch.nn.BatchNorm2d(width)
    for stage, stride in enumerate([1, 2, 2, 2]):
        setattr(net, f"layer{stage + 1}", net._make_layer(Bottleneck, width * 2**stage, 1, stride=stride))
    net.fc = torch.nn.Linear(width * 32, CLASSES)
    net.settings = {"block": "bottleneck", "layers": [1, 1, 1, 1], "width": width, "groups": groups,
                    "widthPerGroup": width_per_group}
    return net


def small_efficientnet(width, depth):
    net = _gen_efficientnet("efficientnet_b0", width, depth, num_classes=CLASSES)
    net.settings = part("vision/efficientnet", {"widthMultiplier": width, "depthMultiplier": depth})
    return net


def small_mobilenet_v3(width, head):
    """As TensorFlow pads and normalises, with a head of few channels."""
    net = _gen_mobilenet_v3("mobilenetv3_small_100", width, num_classes=CLASSES, pad_type="same", bn_eps=1e-3)
    net.conv_head = torch.nn.Conv2d(net.conv_head.in_channels, head, 1)
    net.classifier = torch.nn.Linear(head, CLASSES)
    net.settings = part("vision/mobilenet-v3", {"size": "small", "widthMultiplier": width, "headChannels": head,
                                                "tensorflow": True})
    return net


def part(kind, architecture):
    return {"kind": kind, "options": {"architecture": architecture, "embedDim": CLASSES}}


args = arguments(__doc__)
g = torch.Generator().manual_seed(args.seed)
torch.manual_seed(args.seed)
vit = dict(img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=2)
labels = {i: f"class {i}" for i in range(CLASSES)}
models = {
    "vit": (of_timm("vit_tiny_patch16_224", **vit), 32),
    "vit_mean": (of_timm("vit_base_patch16_224", global_pool="avg", class_token=False, **vit), 32),
    "vit_transformers": (ViTForImageClassification(ViTConfig(
        hidden_size=24, intermediate_size=48, num_hidden_layers=2, num_attention_heads=3, image_size=32, patch_size=8,
        id2label=labels)), 32),
    "convnext": (of_timm("convnext_atto", depths=(1, 1, 2, 1), dims=(8, 12, 16, 24)), 64),
    "convnext_transformers": (ConvNextForImageClassification(ConvNextConfig(
        depths=[1, 2, 1, 1], hidden_sizes=[8, 12, 16, 24], image_size=64, id2label=labels)), 64),
    "resnet_transformers": (ResNetForImageClassification(ResNetConfig(
        embedding_size=4, hidden_sizes=[16, 32, 64, 128], depths=[1, 2, 1, 1], id2label=labels)), 64),
    "resnext": (small_resnext(4, 2, 48), 64),
    "efficientnet": (small_efficientnet(0.1, 0.3), 64),
    "mobilenetv3": (small_mobilenet_v3(0.1, 24), 64),
    "efficientnet_transformers": (EfficientNetForImageClassification(EfficientNetConfig(
        width_coefficient=0.35, depth_coefficient=0.3, hidden_dim=448, image_size=64, id2label=labels)), 64),
}
meta = {}
for name, (model, size) in models.items():
    randomize(model, g)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    folder = args.out / name
    folder.mkdir(exist_ok=True)
    if hasattr(model, "settings"):
        save_tensors(folder / "model.safetensors", state)
        save_json(folder / "config.json", model.settings)
    elif hasattr(model, "args"):
        save_for_hf(model, folder, model_args=model.args, safe_serialization=True)
    else:
        model.save_pretrained(folder)
    for other in folder.iterdir():
        if other.name not in ("config.json", "model.safetensors"):
            other.unlink()
        else:
            other.chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    save_json(folder / "config.json", config)
    batch = 4 if "kind" in config else 2
    x, r = randn(g, batch, 3, size, size), randn(g, batch, CLASSES)
    inputs = {"pixel_values": x, "r": r}
    double = run(model, state, x, r, torch.float64)
    single = run(model, state, x, r, torch.float32)
    if "kind" in config:
        double |= run_training(model, state, x, r, torch.float64)
        single |= run_training(model, state, x, r, torch.float32)
    if name == "vit":
        inputs["pixel_values48"] = randn(g, 2, 3, 48, 48)
        extra = positions(model, inputs["pixel_values48"], state)
        single |= extra
        double |= {k: v.double() for k, v in extra.items()}
    save_tensors(args.out / f"{name}.expected.safetensors", inputs | single)
    meta[name] = {"float32_error": float32_error(single, double)}
save_json(args.out / "meta.json", meta)
