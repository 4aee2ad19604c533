"""Writes what @diptych/preprocess knows of transformers' image processors, and fixtures of them.

    python reference/gen_image_processors.py

- packages/preprocess/src/image/image-processors.ts: the classes whose steps are those of the base class (or of the few
  that are written by hand), with their own defaults, and which class belongs to a model type
- packages/preprocess/src/image/__fixtures__/image-processors.json: folders as people have them, old and new, with the
  pixels that transformers' Pillow backend makes of one picture
"""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import timm
import torch
import transformers
from PIL import Image
from transformers import AutoImageProcessor
from transformers.image_processing_backends import TorchvisionBackend
from transformers.models.auto import image_processing_auto as auto

ROOT = Path(__file__).resolve().parent.parent / "packages/preprocess/src/image"

# Classes that override a method of the base class in a way that hub-config.ts follows, or for other data than pictures.
BY_HAND = {
    "BeitImageProcessor",
    "ConvNextImageProcessor",
    "EfficientNetImageProcessor",
    "LevitImageProcessor",
    "MobileNetV2ImageProcessor",
    "PoolFormerImageProcessor",
}
METHODS = ("_preprocess", "resize", "center_crop", "rescale", "normalize", "rescale_and_normalize", "pad", "preprocess")
KEYS = (
    "do_resize size default_to_square resample crop_pct do_center_crop crop_size do_rescale rescale_factor rescale_offset "
    "do_normalize image_mean image_std include_top do_pad do_flip_channel_order"
).split()


def plain(value):
    if hasattr(value, "items") or hasattr(value, "__dataclass_fields__"):
        return {k: v for k, v in dict(value).items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "value"):
        return int(value.value)
    return value


def defaults(cls):
    out = {}
    made = cls()
    for key in KEYS:
        value = plain(getattr(made, key, None))
        if value is not None:
            out[key] = value
    # what one number as size means, asked of the class itself
    try:
        out["default_to_square"] = "height" in plain(cls(size=96).size)
    except ValueError:
        pass
    return out


def tables():
    classes, models = {}, {}
    for model_type, backends in sorted(auto.IMAGE_PROCESSOR_MAPPING_NAMES.items()):
        name = backends.get("torchvision")
        cls = name and auto.get_image_processor_class_from_name(name)
        if not isinstance(cls, type) or not issubclass(cls, TorchvisionBackend):
            continue
        own = [m for m in METHODS if getattr(cls, m) is not getattr(TorchvisionBackend, m)]
        if own and name not in BY_HAND:
            continue
        if name not in classes:
            classes[name] = defaults(cls)
        models[model_type] = name
    return classes, models


def write_table(classes, models):
    lines = [
        "// Made by reference/gen_image_processors.py from transformers " + transformers.__version__ + ": do not edit.",
        "import type { JsonObject } from '@diptych/core';",
        "",
        "/** transformers' image processors with what they do where a key is left out; keys are transformers' own. */",
        "export const IMAGE_PROCESSORS: Readonly<Record<string, JsonObject>> = "
        + json.dumps(dict(sorted(classes.items())))
        + ";",
        "",
        "/** The image processor of a model type, for settings that name no class. */",
        "export const IMAGE_PROCESSOR_OF: Readonly<Record<string, string>> = " + json.dumps(models) + ";",
        "",
    ]
    (ROOT / "image-processors.ts").write_text("\n".join(lines))


def picture():
    rng = np.random.default_rng(7)
    height, width = 71, 97
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([127 + 120 * np.sin(x / 5 + y / 11), 127 + 100 * np.cos(y / 4), (x * 255) // width], -1)
    return np.clip(waves + rng.integers(-20, 20, waves.shape), 0, 255).astype(np.uint8)


MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def cases():
    """name, files of a folder"""
    pre, proc, cfg = "preprocessor_config.json", "processor_config.json", "config.json"
    yield "CLIP of 2021", {pre: dict(crop_size=32, do_center_crop=True, do_normalize=True, do_resize=True, feature_extractor_type="CLIPFeatureExtractor", image_mean=MEAN, image_std=STD, resample=3, size=32)}
    yield "CLIP of 2023", {pre: dict(crop_size=dict(height=32, width=32), do_center_crop=True, do_convert_rgb=True, do_normalize=True, do_rescale=True, do_resize=True, image_mean=MEAN, image_std=STD, image_processor_type="CLIPImageProcessor", resample=3, rescale_factor=1 / 255, size=dict(shortest_edge=32))}
    yield "CLIP of transformers 5, nested", {proc: dict(image_processor=dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=40), crop_size=dict(height=32, width=32)), processor_class="CLIPProcessor"), cfg: dict(model_type="clip")}
    yield "nested settings go before flat ones", {proc: dict(image_processor=dict(image_processor_type="CLIPImageProcessor", size=dict(shortest_edge=40), crop_size=32)), pre: dict(image_processor_type="CLIPImageProcessor", size=24, crop_size=24), cfg: dict(model_type="clip")}
    yield "a processor_config without settings of pictures", {proc: dict(processor_class="CLIPProcessor"), pre: dict(image_processor_type="CLIPImageProcessor", size=36, crop_size=30), cfg: dict(model_type="clip")}
    yield "CLIP, class alone", {pre: dict(image_processor_type="CLIPImageProcessor"), cfg: dict(model_type="clip")}
    yield "CLIP, fast class", {pre: dict(image_processor_type="CLIPImageProcessorFast", size=32, crop_size=32), cfg: dict(model_type="clip")}
    yield "CLIP, no class, by the model type", {pre: dict(size=32, crop_size=32), cfg: dict(model_type="clip")}
    yield "CLIP, nulls", {pre: dict(image_processor_type="CLIPImageProcessor", size=32, crop_size=32, do_pad=None, do_normalize=None), cfg: dict(model_type="clip")}
    yield "CLIP without a crop", {pre: dict(image_processor_type="CLIPImageProcessor", size=dict(height=30, width=20), do_center_crop=False), cfg: dict(model_type="clip")}
    yield "CLIP without normalisation", {pre: dict(image_processor_type="CLIPImageProcessor", size=32, crop_size=32, do_normalize=False), cfg: dict(model_type="clip")}
    yield "CLIP, a crop larger than the picture", {pre: dict(image_processor_type="CLIPImageProcessor", size=20, crop_size=dict(height=42, width=41)), cfg: dict(model_type="clip")}
    yield "MetaCLIP 2, no class", {pre: dict(size=32, crop_size=32), cfg: dict(model_type="metaclip_2")}
    yield "SigLIP of 2023", {pre: dict(do_normalize=True, do_rescale=True, do_resize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, image_processor_type="SiglipImageProcessor", processor_class="SiglipProcessor", resample=3, rescale_factor=1 / 255, size=dict(height=32, width=32))}
    yield "SigLIP, class alone", {pre: dict(image_processor_type="SiglipImageProcessor"), cfg: dict(model_type="siglip")}
    yield "SigLIP 2 of fixed size, nested", {proc: dict(image_processor=dict(image_processor_type="SiglipImageProcessorFast", size=dict(height=48, width=48), resample=2, data_format="channels_first")), cfg: dict(model_type="siglip")}
    yield "ViT of 2021", {pre: dict(do_normalize=True, do_resize=True, feature_extractor_type="ViTFeatureExtractor", image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2, size=32), cfg: dict(model_type="vit")}
    yield "ViT, no class", {pre: dict(do_normalize=True, do_resize=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, size=32), cfg: dict(model_type="vit")}
    yield "ViT of 2022, height and width", {pre: dict(image_processor_type="ViTImageProcessor", size=dict(height=28, width=36), resample=2), cfg: dict(model_type="vit")}
    yield "ViT without rescaling", {pre: dict(image_processor_type="ViTImageProcessor", size=dict(height=28, width=36), do_rescale=False, do_normalize=False), cfg: dict(model_type="vit")}
    yield "Swin by ViT's class", {pre: dict(feature_extractor_type="ViTFeatureExtractor", size=32, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], resample=3), cfg: dict(model_type="swin")}
    yield "DeiT of 2021", {pre: dict(crop_size=32, do_center_crop=True, do_normalize=True, do_resize=True, feature_extractor_type="DeiTFeatureExtractor", image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], resample=3, size=40), cfg: dict(model_type="deit")}
    yield "DeiT, class alone", {pre: dict(image_processor_type="DeiTImageProcessor"), cfg: dict(model_type="deit")}
    yield "BEiT of 2021", {pre: dict(crop_size=32, do_center_crop=False, do_normalize=True, do_resize=True, feature_extractor_type="BeitFeatureExtractor", image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2, size=32), cfg: dict(model_type="beit")}
    yield "ConvNeXT below 384", {pre: dict(crop_pct=0.875, do_normalize=True, do_resize=True, feature_extractor_type="ConvNextFeatureExtractor", image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], resample=3, size=32), cfg: dict(model_type="convnext")}
    yield "ConvNeXT, no crop_pct", {pre: dict(image_processor_type="ConvNextImageProcessor", size=dict(shortest_edge=32)), cfg: dict(model_type="convnext")}
    yield "ConvNeXT, class alone", {pre: dict(image_processor_type="ConvNextImageProcessor"), cfg: dict(model_type="convnext")}
    yield "ResNet by ConvNeXT's class", {pre: dict(crop_pct=0.875, feature_extractor_type="ConvNextFeatureExtractor", image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], resample=3, size=32), cfg: dict(model_type="resnet")}
    yield "BiT", {pre: dict(image_processor_type="BitImageProcessor", size=dict(shortest_edge=40), crop_size=dict(height=32, width=32), image_mean=[0.5] * 3, image_std=[0.5] * 3, resample=2), cfg: dict(model_type="bit")}
    yield "DINOv2 by BiT's class", {pre: dict(image_processor_type="BitImageProcessor", size=dict(shortest_edge=36), crop_size=dict(height=32, width=32), image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225], resample=3), cfg: dict(model_type="dinov2")}
    yield "BLIP", {pre: dict(image_processor_type="BlipImageProcessor", size=dict(height=32, width=32)), cfg: dict(model_type="blip")}
    yield "BLIP of one number", {pre: dict(image_processor_type="BlipImageProcessor", size=32), cfg: dict(model_type="blip")}
    yield "EfficientNet, class's own", {pre: dict(image_processor_type="EfficientNetImageProcessor", size=dict(height=40, width=40)), cfg: dict(model_type="efficientnet")}
    yield "EfficientNet with offset", {pre: dict(image_processor_type="EfficientNetImageProcessor", size=dict(height=40, width=40), do_center_crop=True, crop_size=dict(height=32, width=32), rescale_factor=1 / 127.5, rescale_offset=True, include_top=False, resample=0), cfg: dict(model_type="efficientnet")}
    yield "ALIGN by EfficientNet's class", {pre: dict(image_processor_type="EfficientNetImageProcessor", size=dict(height=40, width=40), crop_size=32, include_top=False, image_mean=[0, 0, 0], image_std=[1, 1, 1]), cfg: dict(model_type="align")}
    yield "LeViT", {pre: dict(feature_extractor_type="LevitFeatureExtractor", size=28, crop_size=24, resample=3, image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]), cfg: dict(model_type="levit")}
    yield "PoolFormer", {pre: dict(image_processor_type="PoolFormerImageProcessor", size=32, crop_size=32, crop_pct=0.9), cfg: dict(model_type="poolformer")}
    yield "MobileNetV2", {pre: dict(image_processor_type="MobileNetV2ImageProcessor", size=dict(shortest_edge=36), crop_size=dict(height=32, width=32)), cfg: dict(model_type="mobilenet_v2")}
    yield "MobileNetV1, class alone", {pre: dict(image_processor_type="MobileNetV1ImageProcessor"), cfg: dict(model_type="mobilenet_v1")}
    yield "PVT", {pre: dict(image_processor_type="PvtImageProcessor", size=dict(height=32, width=24)), cfg: dict(model_type="pvt")}
    yield "settings nested in preprocessor_config.json", {pre: dict(image_processor=dict(image_processor_type="CLIPImageProcessor", size=32, crop_size=32)), cfg: dict(model_type="clip")}
    timm_cfg = dict(input_size=[3, 32, 32], interpolation="bicubic", crop_pct=0.9, crop_mode="center", mean=[0.5] * 3, std=[0.5] * 3)
    yield "timm", {cfg: dict(architecture="vit_tiny_patch16_224", pretrained_cfg=timm_cfg)}
    yield "timm, defaults left out", {cfg: dict(architecture="vit_tiny_patch16_224", pretrained_cfg=dict(input_size=[3, 32, 32]))}
    yield "timm, squash", {cfg: dict(architecture="vit_tiny_patch16_224", pretrained_cfg={**timm_cfg, "crop_mode": "squash"})}
    yield "timm, flat, as before 2023", {cfg: dict(architecture="resnet50", **{**timm_cfg, "crop_pct": 0.875})}
    yield "timm by transformers' wrapper", {cfg: dict(architecture="resnet50", model_type="timm_wrapper", pretrained_cfg={**timm_cfg, "crop_pct": 1.0, "interpolation": "bilinear"})}


def pixels_of(files, image):
    config = files.get("config.json", {})
    if "architecture" in config:
        cfg = config.get("pretrained_cfg", config)
        made = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=cfg), is_training=False)
        return made(image).numpy()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            # transformers reads settings that are nested in preprocessor_config.json only for processors
            if name == "preprocessor_config.json" and "image_processor" in content:
                content = content["image_processor"]
            (Path(folder) / name).write_text(json.dumps(content))
        processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
        return np.asarray(processor(image, return_tensors="np")["pixel_values"][0])


def main():
    classes, models = tables()
    write_table(classes, models)
    print(len(classes), "classes:", ", ".join(sorted(classes)))
    rgb = picture()
    image = Image.fromarray(rgb)
    out = []
    for name, files in cases():
        try:
            pixels = np.asarray(pixels_of(files, image), dtype=np.float32)
        except Exception as error:  # noqa: BLE001
            print("transformers refuses", name, ":", repr(error)[:300])
            continue
        channels, height, width = pixels.shape
        picks = np.random.default_rng(len(out)).integers(0, height * width, 24)
        out.append(
            dict(
                name=name,
                files=files,
                shape=[height, width, channels],
                mean=[float(v) for v in pixels.mean((1, 2), dtype=np.float64)],
                std=[float(v) for v in pixels.std((1, 2), dtype=np.float64)],
                at=[int(v) for v in picks],
                values=[[float(v) for v in pixels.reshape(channels, -1)[:, i]] for i in picks],
            )
        )
    fixtures = ROOT / "__fixtures__"
    fixtures.mkdir(exist_ok=True)
    image.save(fixtures / "image-processors.png")
    versions = dict(transformers=transformers.__version__, timm=timm.__version__)
    text = json.dumps(dict(versions=versions, cases=out), indent=1)
    text = re.sub(r"\[\s+([-\d.e,\s]+?)\s+\]", lambda m: "[" + re.sub(r"\s+", " ", m.group(1)) + "]", text)
    (fixtures / "image-processors.json").write_text(text + "\n")
    print(len(out), "fixtures")


main()
