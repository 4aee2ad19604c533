"""Tiny RoBERTa, DistilBERT and sentence-transformers folders with expected values, for the tests of packages/text.

    python reference/gen_text_fixtures.py --out packages/text/src/__fixtures__

Folders are in the hub's layout, as save_pretrained writes them; `expected.safetensors` holds inputs and outputs.
Made with torch 2.15.0, transformers 5.23.0, sentence-transformers 6.2.0.
"""
import json
import sys
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import modules as parts_of
from transformers import (BertConfig, BertModel, BertTokenizerFast, DistilBertConfig, DistilBertForMaskedLM,
                          RobertaConfig, RobertaForMaskedLM)

sys.path.insert(0, str(Path(__file__).parent / "golden"))
from common import arguments, randn, randomize, save_tensors  # noqa: E402

LENGTHS, LONGEST = [9, 4, 1], 9


def batch(generator, vocab, pad):
    ids = torch.full((len(LENGTHS), LONGEST), pad)
    mask = torch.zeros_like(ids)
    for row, n in enumerate(LENGTHS):
        ids[row, :n] = torch.randint(pad + 1, vocab, (n,), generator=generator)
        mask[row, :n] = 1
    return {"input_ids": ids, "attention_mask": mask}


def write(folder, whole, tower, inputs, generator):
    """Hidden states and the gradients of sum(first token * r) in every parameter of the tower."""
    whole.save_pretrained(folder)
    tower.eval()
    out = tower(**inputs, output_hidden_states=True)
    r = randn(generator, *out.last_hidden_state[:, 0].shape)
    (out.last_hidden_state[:, 0] * r).sum().backward()
    tensors = {**inputs, "r": r}
    tensors |= {f"hidden_states.{i}": h for i, h in enumerate(out.hidden_states)}
    save_tensors(folder / "expected.safetensors", tensors)
    # names differ from BertModel's for DistilBERT: the test renames them as it renames the weights
    save_tensors(folder / "gradients.safetensors",
                 {k: p.grad for k, p in tower.named_parameters() if p.grad is not None})
    (folder / "generation_config.json").unlink(missing_ok=True)
    (folder / "model.safetensors").chmod(0o644)


args = arguments(__doc__)
g = torch.Generator().manual_seed(args.seed)

config = RobertaConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                       max_position_embeddings=20, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1,
                       bos_token_id=0, eos_token_id=2, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
model = randomize(RobertaForMaskedLM(config), g)
write(args.out / "tiny-roberta", model, model.roberta, batch(g, 60, 1), g)

config = DistilBertConfig(vocab_size=60, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=20,
                          dropout=0.0, attention_dropout=0.0)
model = randomize(DistilBertForMaskedLM(config), g)
write(args.out / "tiny-distilbert", model, model.distilbert, batch(g, 60, 0), g)

# A folder as sentence-transformers saves it: mean pooling over the mask, then length 1.
folder = args.out / "tiny-sentence-transformer"
config = BertConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                    max_position_embeddings=20, hidden_act="gelu_new")
model = randomize(BertModel(config), g).eval()
model.save_pretrained(folder)
inputs = batch(g, 60, 0)
with torch.no_grad():
    hidden = model(**inputs).last_hidden_state
mask = inputs["attention_mask"].unsqueeze(-1).float()
pooled = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
save_tensors(folder / "expected.safetensors", {**inputs, "pooled": pooled})
modules = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
           for i, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")])]
(folder / "modules.json").write_text(json.dumps(modules, indent=2) + "\n")
(folder / "sentence_bert_config.json").write_text('{ "max_seq_length": 12, "do_lower_case": false }\n')
(folder / "1_Pooling").mkdir(exist_ok=True)
(folder / "1_Pooling" / "config.json").write_text(json.dumps(
    {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
     "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False}, indent=2) + "\n")

# The same with linear layers after the pooling, as LaBSE and distiluse have, saved by sentence-transformers itself.
folder = args.out / "tiny-sentence-transformer-dense"
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
randomize(BertModel(config), g).save_pretrained(folder)
parts = [parts_of.Transformer(str(folder), max_seq_length=12), parts_of.Pooling(16, pooling_mode="cls"),
         parts_of.Dense(16, 12, activation_function=torch.nn.Tanh()),
         parts_of.Dense(12, 10, bias=False, activation_function=torch.nn.Identity()), parts_of.Normalize()]
for part in parts[2:4]:
    randomize(part, g)
model = SentenceTransformer(modules=parts, device="cpu").eval()
model.save(str(folder), create_model_card=False)
inputs = batch(g, 60, 0)
r = randn(g, len(LENGTHS), 10)
out = model({**inputs})
(out["sentence_embedding"] * r).sum().backward()
save_tensors(folder / "expected.safetensors",
             {**inputs, "pooled": out["sentence_embedding"].detach(), "r": r}
             | {f"grad.dense.{i}.{k}": p.grad for i, part in enumerate(parts[2:4]) for k, p in part.named_parameters()})
for name in ["tokenizer.json", "config_sentence_transformers.json"]:
    (folder / name).unlink()
for path in folder.rglob("*.safetensors"):
    path.chmod(0o644)
