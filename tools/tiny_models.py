# Copyright (c) 2026, The inferops.vllm maintainers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two models of a few hundred kilobytes with random weights, for a real vLLM on a CPU: ``tiny_models.py DIRECTORY``.

``DIRECTORY/chat`` is a Llama with a chat template, ``DIRECTORY/embed`` an XLM-RoBERTa with the sentence-transformers
files by which vLLM finds its pooling, as multilingual-e5-large has them. What they say is noise; how they are loaded,
asked and answered is not. Both read text letter by letter, so texts that share letters have similar embeddings.
Runs in the virtual environment of vLLM, which has torch and transformers.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ALPHABET = [chr(code) for code in range(32, 127)]
WIDTH, LAYERS, HEADS = 64, 2, 2
CHAT_TOKENS, EMBED_TOKENS = 256, 64
PADDING = 2
"""XLM-RoBERTa counts positions from the padding token's id + 1."""


def tokenizer(limit: int, **special: str) -> Any:
    """A tokenizer that makes a token of every printable character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = [*special.values(), *ALPHABET]
    core = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token=special["unk_token"]))
    core.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(tokenizer_object=core, model_max_length=limit, **special)


def chat(folder: Path) -> None:
    """A causal model that answers chat requests."""
    from transformers import LlamaConfig, LlamaForCausalLM

    letters = tokenizer(CHAT_TOKENS, bos_token="<bos>", eos_token="<eos>", unk_token="<unk>", pad_token="<pad>")
    letters.chat_template = "{{ bos_token }}{% for message in messages %}{{ message.content }} {% endfor %}"
    config = LlamaConfig(
        vocab_size=len(letters),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=1,
        max_position_embeddings=CHAT_TOKENS,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    letters.save_pretrained(folder)


def embed(folder: Path) -> None:
    """An encoder whose embedding is the normalised mean over its tokens."""
    from transformers import XLMRobertaConfig, XLMRobertaModel

    letters = tokenizer(EMBED_TOKENS, bos_token="<s>", pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    config = XLMRobertaConfig(
        vocab_size=len(letters),
        hidden_size=WIDTH,
        intermediate_size=2 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=EMBED_TOKENS + PADDING,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        position_embedding_type="absolute",
    )
    XLMRobertaModel(config).save_pretrained(folder)
    letters.save_pretrained(folder)
    # transformers leaves the default out, vLLM reads it.
    stored = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", {**stored, "position_embedding_type": "absolute"})
    parts = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    kind = "sentence_transformers.models."
    write(
        folder / "modules.json",
        [{"idx": n, "name": str(n), "path": p, "type": kind + t} for n, (p, t) in enumerate(parts)],
    )
    write(folder / "sentence_bert_config.json", {"max_seq_length": EMBED_TOKENS, "do_lower_case": False})
    (folder / "1_Pooling").mkdir(exist_ok=True)
    write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True})


def write(path: Path, data: Any) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(data, indent=1), encoding="utf-8")


def main(directory: str) -> None:
    """Make both."""
    import torch

    torch.manual_seed(7)
    for name, make in (("chat", chat), ("embed", embed)):
        folder = Path(directory) / name
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)


if __name__ == "__main__":
    main(sys.argv[1])
