"""Full-size text encoders with random weights: saved by torch, loaded and run by diptych, compared here.

    npm run build
    python reference/parity_full_text.py --out .cache/parity

For each model: transformers' outputs and gradients in float32 and float64, the same by packages/text on the
onnxruntime backend (reference/parity_full_text.mjs), the differences as a table for docs/parity.md. The weights that
diptych saves again are loaded by transformers, strictly, and must be equal bit for bit.
Made with torch 2.15.0, transformers 5.23.0.
"""
import argparse
import json
import subprocess
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (BertConfig, BertModel, CLIPTextConfig, CLIPTextModelWithProjection, RobertaConfig,
                          RobertaModel)

ROOT = Path(__file__).resolve().parent.parent
SHOWN = {"bert": ["embeddings.word_embeddings.weight", "encoder.layer.0.attention.self.query.weight",
                  "encoder.layer.11.output.dense.weight", "pooler.dense.weight"],
         "clip": ["text_model.embeddings.token_embedding.weight",
                  "text_model.encoder.layers.0.self_attn.q_proj.weight",
                  "text_model.encoder.layers.11.mlp.fc2.weight", "text_projection.weight"]}


def bert(model, inputs):
    out = model(**inputs)
    return {"sequence": out.last_hidden_state, "pooled": out.pooler_output}


def clip(model, inputs):
    out = model(**inputs)
    return {"sequence": model.text_projection(out.last_hidden_state), "pooled": out.text_embeds}


roberta = RobertaConfig(vocab_size=50265, max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
MODELS = {
    "BERT-base": (lambda: BertModel(BertConfig()), bert, "bert", 512),
    "RoBERTa-base": (lambda: RobertaModel(roberta), bert, "bert", 512),
    "CLIP ViT-B/32, text": (lambda: CLIPTextModelWithProjection(CLIPTextConfig()), clip, "clip", 77),
}


def batch(config, length):
    """Three rows of different lengths; CLIP's end with the end token."""
    pad = config.pad_token_id
    ids = torch.full((3, length), pad)
    mask = torch.zeros_like(ids)
    for row, n in enumerate([length, length // 3, 7]):
        ids[row, :n] = torch.randint(5, config.vocab_size - 2, (n,))
        mask[row, :n] = 1
        if config.model_type.startswith("clip"):
            ids[row, n - 1] = config.eos_token_id
    return {"input_ids": ids, "attention_mask": mask}


def run(model, forward, inputs, r, shown, dtype):
    model.to(dtype).zero_grad()
    result = forward(model, inputs)
    (result["pooled"] * r.to(dtype)).sum().backward()
    grads = dict(model.named_parameters())
    result |= {f"grad.{k}": grads[k].grad for k in shown}
    return {k: v.detach().clone() for k, v in result.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", help="one model's name")
    args = parser.parse_args()
    torch.set_num_threads(2)
    print("| Model | Value | Largest | PyTorch float32 to float64 | diptych to PyTorch float32 | diptych to float64 |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, (make, forward, kind, length) in MODELS.items():
        if args.only and args.only != name:
            continue
        torch.manual_seed(0)
        model = make().eval()
        folder = args.out / name.replace(" ", "-").replace("/", "-").replace(",", "")
        model.save_pretrained(folder)
        inputs = batch(model.config, length)
        r = torch.randn(3, forward(model, inputs)["pooled"].shape[1])
        state = {k: v.clone() for k, v in model.state_dict().items()}
        single = run(model, forward, inputs, r, SHOWN[kind], torch.float32)
        double = run(model, forward, inputs, r, SHOWN[kind], torch.float64)
        save_file({k: v.int() for k, v in inputs.items()} | {"r": r}, str(folder / "inputs.safetensors"))
        command = ["node", str(ROOT / "reference/parity_full_text.mjs"), kind, str(folder), ",".join(SHOWN[kind])]
        report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
        ours = load_file(str(folder / "results.safetensors"))
        for key, exact in double.items():
            far = lambda a, b: f"{(a.double() - b.double()).abs().max().item():.1e}"
            print(f"| {name} | {key} | {exact.abs().max().item():.3g} | {far(single[key], exact)} "
                  f"| {far(ours[key], single[key])} | {far(ours[key], exact)} |")
        saved = load_file(str(folder / "saved.safetensors"))
        again = make()
        again.load_state_dict(saved, strict=True)
        assert all(torch.equal(v, state[k]) for k, v in again.state_dict().items()), "saved weights differ"
        print(f"<!-- {name}: {report['tensors']} tensors loaded in {report['loadSeconds']} s, "
              "saved again and loaded by transformers, equal bit for bit -->", flush=True)


main()
