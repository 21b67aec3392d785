"""A CLIP tokenizer whose vocabulary is the world's words, with single letters for all others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTokenizer

from picturebook.train.data import scene_captions, training_scenes
from picturebook.train.processes import rank, wait

MAX_TOKENS = 48
START, END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(more: Sequence[str] = ()) -> CLIPTokenizer:
    """Learn byte-pair merges from captions, and more texts, until every word of the world is one token."""
    blank = CLIPTokenizer(vocab={START: 0, END: 1}, merges=[])
    bpe = Tokenizer(BPE(unk_token=END, end_of_word_suffix="</w>"))
    bpe.normalizer = blank.backend_tokenizer.normalizer
    bpe.pre_tokenizer = blank.backend_tokenizer.pre_tokenizer
    bpe.decoder = decoders.ByteLevel()
    texts = [*more, *[text for scene in training_scenes(4000) for text in scene_captions(scene, 2)]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    endings = [f"{c}</w>" for c in alphabet]
    trainer = BpeTrainer(
        vocab_size=2000,
        special_tokens=[START, END, *endings],
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    model = json.loads(bpe.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
    return CLIPTokenizer(vocab=model["vocab"], merges=merges, model_max_length=MAX_TOKENS)


def save_tokenizer(folder: Path, more: Sequence[str] = ()) -> CLIPTokenizer:
    """Write the tokenizer as vocab.json, merges.txt and tokenizer.json, in the first process, and load it again from there.

    Args:
        folder: to write to.
        more: texts with further words, beside captions.
    """
    if not rank():
        _write(folder, build_tokenizer(more))
    wait()
    return CLIPTokenizer.from_pretrained(folder)


def _write(folder: Path, tokenizer: CLIPTokenizer) -> None:
    tokenizer.save_pretrained(folder)
    model = json.loads((folder / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in model["merges"]))
