"""Tiny random CLIPModel and SiglipModel in the hub's layout: features of both towers, logits, losses, gradients."""
import json

import torch
from safetensors.torch import load_file
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

from common import arguments, float32_error, randn, randomize, save_json, save_tensors

EOS = 98


def token_ids(g, rows, length, vocab):
    """Random ids, an end token at various places, end tokens after it as CLIP's tokenizer pads; the mask hides those."""
    ids = torch.randint(3, vocab - 1, (rows, length), generator=g)
    mask = torch.zeros_like(ids)
    for row in range(rows):
        end = length - 1 - (row * 3) % (length - 2)
        ids[row, end:] = EOS
        mask[row, : end + 1] = 1
    return ids, mask


def features(name, model, inputs):
    vision = model.vision_model(pixel_values=inputs["pixel_values"])
    # SigLIP was trained on full rows: its text tower sees no mask and reads the last position.
    mask = {"attention_mask": inputs["attention_mask"]} if name == "clip" else {}
    text = model.text_model(input_ids=inputs["input_ids"], **mask)
    image_features, text_features = vision.pooler_output, text.pooler_output
    if name == "clip":
        image_features = model.visual_projection(image_features)
        text_features = model.text_projection(text_features)
    return {
        "vision.last_hidden_state": vision.last_hidden_state, "text.last_hidden_state": text.last_hidden_state,
        "image_features": image_features, "text_features": text_features,
    }


def run(name, model, state, inputs, dtype):
    model = model.to(dtype).eval()
    model.load_state_dict(state)
    x = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    result = features(name, model, x)

    def gradients(loss, prefix):
        model.zero_grad()
        loss.backward()
        return {f"{prefix}.{k}": p.grad for k, p in model.named_parameters() if p.grad is not None}

    result |= gradients((features(name, model, x)["image_features"] * x["r.image"]).sum(), "grad.image")
    result |= gradients((features(name, model, x)["text_features"] * x["r.text"]).sum(), "grad.text")
    mask = {"attention_mask": x["attention_mask"]} if name == "clip" else {}
    out = model(pixel_values=x["pixel_values"], input_ids=x["input_ids"], return_loss=True, **mask)
    result |= {"image_embeds": out.image_embeds, "text_embeds": out.text_embeds,
               "logits_per_image": out.logits_per_image, "loss": out.loss}
    of_loss = gradients(out.loss, "grad.loss")
    for key in ["logit_scale", "logit_bias", "visual_projection.weight", "text_projection.weight",
                "vision_model.post_layernorm.weight", "text_model.final_layer_norm.weight"]:
        if f"grad.loss.{key}" in of_loss:
            result[f"grad.loss.{key}"] = of_loss[f"grad.loss.{key}"]
    return {k: v.detach().clone() for k, v in result.items()}


args = arguments(__doc__)
g = torch.Generator().manual_seed(args.seed)
torch.manual_seed(args.seed)
base = args.seed == 0
shared = dict(num_hidden_layers=2, num_attention_heads=2)
text = dict(shared, hidden_size=16, intermediate_size=40, vocab_size=99, max_position_embeddings=12,
            bos_token_id=1, pad_token_id=2, eos_token_id=EOS)
width = 24 if base else 16
vision = dict(shared, hidden_size=width, intermediate_size=56, patch_size=8)
models = {
    # 30 pixels hold three patches of 8 and a rest, as 384 do with 14.
    "clip": CLIPModel(CLIPConfig(text_config=dict(text, projection_dim=20),
                                 vision_config=dict(vision, image_size=32, projection_dim=20), projection_dim=20)),
    "siglip": SiglipModel(SiglipConfig(text_config=dict(text, projection_size=width),
                                       vision_config=dict(vision, image_size=30 if base else 32))),
}
meta = {}
for name, model in models.items():
    for part in model.children():
        randomize(part, g)
    with torch.no_grad():
        model.logit_scale.fill_(2.6592 if name == "clip" else 2.3026)
        if name == "siglip":
            model.logit_bias.fill_(-2.0)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    size = model.config.vision_config.image_size
    ids, mask = token_ids(g, 4, 10 if name == "clip" else 12, 99)
    widths = model.config.projection_dim if name == "clip" else width
    inputs = {"pixel_values": randn(g, 4, 3, size, size), "input_ids": ids, "attention_mask": mask,
              "r.image": randn(g, 4, widths), "r.text": randn(g, 4, widths)}
    folder = args.out / name
    model.save_pretrained(folder)
    (folder / "config.json").chmod(0o644)
    (folder / "model.safetensors").chmod(0o644)
    config = json.loads((folder / "config.json").read_text())
    config.pop("transformers_version", None)
    save_json(folder / "config.json", config)
    published = load_file(folder / "model.safetensors")
    assert set(published) >= set(k for k in state if "position_ids" not in k)
    double = run(name, model, state, inputs, torch.float64)
    single = run(name, model, state, inputs, torch.float32)
    save_tensors(args.out / f"{name}.expected.safetensors", inputs | single)
    meta[name] = {"float32_error": float32_error(single, double)}
save_json(args.out / "meta.json", meta)
