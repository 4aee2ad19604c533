"""Loads folders of `exportHf` with transformers, timm and sentence-transformers, and compares their embeddings with diptych's.

Each folder holds `parity.safetensors` beside what is compared: pixels [N, C, H, W], input_ids and attention_mask [N, T], and diptych's
embeddings image and text [N, D] of length 1, written by packages/diptych/src/hf/export-hf.python.test.ts. Prints a JSON object: for each
folder the largest difference of each tower, as a part of the largest value, or a reason why it was not compared.

    python check_hf_export.py FOLDER...
"""

import importlib.util
import json
import sys
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

transformers.logging.set_verbosity_error()


def distance(actual: torch.Tensor, expected: torch.Tensor) -> float:
    actual = torch.nn.functional.normalize(actual.float(), dim=-1)
    return float((actual - expected).abs().max() / expected.abs().max())


def missing(*modules: str) -> str | None:
    lacking = [name for name in modules if importlib.util.find_spec(name) is None]
    return f"no {', '.join(lacking)}" if lacking else None


def compare(folder: Path) -> dict:
    data = load_file(folder / "parity.safetensors")
    tokens = {"input_ids": data["input_ids"].long(), "attention_mask": data["attention_mask"].long()}
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    if kind != "diptych":
        reason = missing("timm") if kind == "vision-text-dual-encoder" else None
        if reason:
            return {"skipped": reason}
        model = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
        model, loading = model
        model.eval()
        # every weight comes from the file: none is missing, and none is left over
        wrong = {name: sorted(map(str, names)) for name, names in loading.items() if names}
        if kind == "siglip":
            tokens.pop("attention_mask")
        outputs = model(pixel_values=data["pixels"], **tokens)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        return {
            "class": type(model).__name__,
            "image": distance(outputs.image_embeds, data["image"]),
            "text": distance(outputs.text_embeds, data["text"]),
            "ids": tokenizer("a red cat")["input_ids"],
            "scale": float(model.logit_scale),
            "loading": wrong,
        }
    result = {"class": "apart"}
    reason = missing("timm")
    if reason:
        result["image skipped"] = reason
    else:
        import timm

        image = timm.create_model(f"local-dir:{folder / 'image'}", pretrained=True).eval()
        result["image"] = distance(image(data["pixels"]), data["image"])
    reason = missing("sentence_transformers")
    if reason:
        result["text skipped"] = reason
        return result
    from sentence_transformers import SentenceTransformer

    text = SentenceTransformer(str(folder / "text"), device="cpu")
    result["text"] = distance(text(tokens)["sentence_embedding"], data["text"])
    texts = json.loads((folder / "texts.json").read_text())
    result["sentences"] = distance(text.encode(texts, convert_to_tensor=True), data["text"])
    return result


with torch.inference_mode():
    print(json.dumps({Path(folder).name: compare(Path(folder)) for folder in sys.argv[1:]}))
