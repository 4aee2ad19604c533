"""Names and shapes of state dicts, for the tests of the name adapters of packages/weights.

    python gen_weight_names.py --out ../packages/weights/src/adapters/__fixtures__/names.json

The models are small; names do not depend on sizes. Names of transformers are those of the files that save_pretrained
writes, which are the published ones; `transformers.vit.v5` are those that version 5 has in memory. Made with torch 2.15.0, torchvision 0.29.2, transformers 5.23.0.
"""

import argparse
import json
import tempfile

import safetensors.torch
import torch
import torchvision
import transformers as tr

text = dict(vocab_size=30, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=12)
tower = dict(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)


def models():
    torch.manual_seed(0)
    yield "torchvision.resnet", torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [2, 1, 1, 1], num_classes=5)
    yield "transformers.resnet", tr.ResNetForImageClassification(
        tr.ResNetConfig(embedding_size=64, hidden_sizes=[256, 512, 1024, 2048], depths=[2, 1, 1, 1], layer_type="bottleneck", num_labels=5))
    yield "transformers.resnet.basic", tr.ResNetModel(
        tr.ResNetConfig(embedding_size=64, hidden_sizes=[64, 128, 256, 512], depths=[2, 1, 1, 1], layer_type="basic"))
    yield "torchvision.resnet.basic", torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 1, 1, 1], num_classes=5)
    yield "transformers.bert", tr.BertModel(tr.BertConfig(**text))
    yield "transformers.bert.pretraining", tr.BertForPreTraining(tr.BertConfig(**text))
    yield "transformers.distilbert", tr.DistilBertForMaskedLM(
        tr.DistilBertConfig(vocab_size=30, dim=8, n_layers=2, n_heads=2, hidden_dim=16, max_position_embeddings=12))
    yield "transformers.roberta", tr.RobertaForMaskedLM(tr.RobertaConfig(**text, type_vocab_size=1))
    yield "transformers.vit", tr.ViTForImageClassification(tr.ViTConfig(**tower, image_size=8, patch_size=4, num_labels=5))
    yield "transformers.clip", tr.CLIPModel(tr.CLIPConfig(
        text_config=dict(**text), vision_config=dict(**tower, image_size=8, patch_size=4), projection_dim=6))
    yield "transformers.siglip", tr.SiglipModel(tr.SiglipConfig(
        text_config=dict(**text), vision_config=dict(**tower, image_size=8, patch_size=4)))


def saved(model):
    if not hasattr(model, "save_pretrained"):
        return model.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return safetensors.torch.load_file(f"{folder}/model.safetensors")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    out = parser.parse_args().out
    states = {}
    for key, model in models():
        states[key] = saved(model)
        if key == "transformers.vit":
            states["transformers.vit.v5"] = model.state_dict()
    names = {key: {name: list(value.shape) for name, value in sorted(state.items())} for key, state in states.items()}
    with open(out, "w") as file:
        json.dump(names, file, separators=(",", ":"))
        file.write("\n")


main()
