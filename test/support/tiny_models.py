"""Tiny real models for tests: five architectures, five tokenizers, seeded random weights.

What:  each model is a complete Hugging Face folder (config, float32 safetensors, fast tokenizer, generation config)
       of 2 layers and 32 to 64 hidden units. Nothing is downloaded; the tokenizers are trained on a small text below.
How:   python test/support/tiny_models.py DIR [llama mistral qwen2 gemma3 gpt2]     prints one path a line
       from tiny_models import tiny_model; tiny_model("llama")                      returns a pathlib.Path
Where: DIR/v<VERSION>/<name>. A folder appears complete or not at all, so any number of processes may ask at once.
Not:   the weights are random, so the text these models write means nothing. Raise VERSION when anything here changes.

| name    | tokenizer                              | attention                     | chat template | head   |
|---------|----------------------------------------|-------------------------------|---------------|--------|
| llama   | byte-level BPE, BOS                    | full, grouped keys            | ChatML        | own    |
| mistral | SentencePiece-style BPE, bytes, BOS    | sliding window of 16          | [INST]        | own    |
| qwen2   | byte-level BPE, no BOS                 | layer 0 full, layer 1 sliding | ChatML        | tied   |
| gemma3  | SentencePiece-style Unigram, BOS       | layer 0 sliding, layer 1 full | none          | tied   |
| gpt2    | WordPiece, no BOS                      | full, learned positions       | none          | tied   |
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import string
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    PretrainedConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)
from transformers.models.auto.modeling_auto import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

VERSION = 1
DEFAULT_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "tiny-models"

# Varied on purpose: sentences, digits, code, punctuation, several scripts, repeated words that BPE can merge.
CORPUS = [
    "The cat sat on the mat and the dog lay in front of the door.",
    "A good answer is short, correct and kind; a bad answer is long, wrong or rude.",
    "Question: what is two plus two? Answer: two plus two is four.",
    "User: please write a poem about the sea. Assistant: the sea is wide, the sea is deep.",
    "She sells sea shells by the sea shore, and the shells she sells are sea shells.",
    "In 1999 there were 365 days, 12 months, 52 weeks and 24 hours in a day: 0123456789.",
    "def add(a, b):\n    return a + b\n\nprint(add(1, 2))  # 3",
    '{"name": "value", "list": [1, 2.5, -3e-4], "ok": true}',
    "Le café est fermé; la forêt est à côté. Übergrößen kosten 10 € mehr.",
    "Быстрая лиса прыгает через ленивую собаку.",
    "素早い茶色の狐がのろまな犬を飛び越える。",
    "I prefer the first response because it is helpful, honest and harmless.",
    "The model should never say that the earth is flat, because the earth is round.",
    "Preference learning compares a chosen response with a rejected response for the same prompt.",
    " ".join(string.printable),
]

# The fallback pieces of SentencePiece-style vocabularies: a character without a piece is written as its bytes.
BYTE_PIECES = [f"<0x{byte:02X}>" for byte in range(256)]

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
INSTRUCT = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'assistant' %} {{ message['content'] }}{{ eos_token }}"
    "{% elif message['role'] == 'system' %}{{ message['content'] }}\n\n"
    "{% else %}[INST] {{ message['content'] }} [/INST]{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Specials:
    """The special tokens of one tokenizer; `others` are further ones its chat template uses."""

    eos: str
    pad: str
    bos: str | None = None
    unk: str | None = None
    others: tuple[str, ...] = ()

    def listed(self) -> list[str]:
        """All of them once, in id order: padding first, as most families have it."""
        return [token for token in (self.pad, self.bos, self.eos, self.unk, *self.others) if token is not None]


def prepend_bos(tokenizer: Tokenizer, bos: str) -> None:
    """Makes `encode` put the beginning-of-text token in front, as Llama, Mistral and Gemma do."""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B:1", special_tokens=[(bos, tokenizer.token_to_id(bos))]
    )


def byte_level_bpe(vocab_size: int, specials: Specials) -> Tokenizer:
    """GPT-2's scheme: every text has an encoding, because the alphabet is the 256 bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=specials.listed(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    if specials.bos is not None:
        prepend_bos(tokenizer, specials.bos)
    return tokenizer


def with_byte_fallback(tokenizer: Tokenizer) -> Tokenizer:
    """Turns on byte fallback and makes the byte pieces ordinary ones.

    The trainers only take them as special tokens, and decoding would then skip them.
    """
    state = json.loads(tokenizer.to_str())
    state["model"]["byte_fallback"] = True
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] not in BYTE_PIECES]
    return Tokenizer.from_str(json.dumps(state))


def sentencepiece_bpe(vocab_size: int, specials: Specials) -> Tokenizer:
    """SentencePiece's look: spaces are U+2581, and one is put in front of the text."""
    tokenizer = Tokenizer(models.BPE(unk_token=specials.unk))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[*specials.listed(), *BYTE_PIECES], show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    assert specials.bos is not None
    prepend_bos(tokenizer, specials.bos)
    return with_byte_fallback(tokenizer)


def counted_pieces(words: list[str]) -> list[tuple[str, int]]:
    """Every word start and every character with its count, most frequent first, ties in alphabetical order.

    The trainers for Unigram and WordPiece break ties at random, so these two vocabularies are counted here.
    """
    counts: Counter[str] = Counter()
    for word in words:
        counts.update(set(word))
        counts.update(word[:end] for end in range(2, len(word) + 1))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def unigram(vocab_size: int, specials: Specials) -> Tokenizer:
    """Gemma's look: Unigram pieces, spaces are U+2581, nothing is put in front of the text."""
    words = [word for line in CORPUS for word in line.replace(" ", " ▁").split(" ")]
    fixed = [(piece, 0.0) for piece in [*specials.listed(), *BYTE_PIECES]]
    pieces = counted_pieces(words)[: vocab_size - len(fixed)]
    total = sum(count for _, count in pieces)
    scored = [(piece, math.log(count / total)) for piece, count in pieces]
    assert specials.unk is not None and specials.bos is not None
    unk_id = specials.listed().index(specials.unk)
    tokenizer = Tokenizer(models.Unigram([*fixed, *scored], unk_id=unk_id, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", behavior="merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(specials.listed())
    prepend_bos(tokenizer, specials.bos)
    return tokenizer


def word_piece(vocab_size: int, specials: Specials) -> Tokenizer:
    """BERT's scheme: pieces inside a word start with ##; spaces are lost, so decoding is not the exact inverse."""
    split = pre_tokenizers.BertPreTokenizer()
    words = [word for line in CORPUS for word, _ in split.pre_tokenize_str(line)]
    letters = sorted(set("".join(words)))
    fixed = [*specials.listed(), *letters, *(f"##{letter}" for letter in letters)]
    longer = [piece for piece, _ in counted_pieces(words) if len(piece) > 1]
    pieces = [*fixed, *longer[: vocab_size - len(fixed)]]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=specials.unk))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=False)
    tokenizer.add_special_tokens(specials.listed())
    return tokenizer


@dataclass(frozen=True)
class Recipe:
    """Everything one model is made of."""

    seed: int
    vocab_size: int
    specials: Specials
    train_tokenizer: Callable[[int, Specials], Tokenizer]
    config: Callable[[], PretrainedConfig]
    chat_template: str | None = None


def shape(**overrides: object) -> dict[str, object]:
    """The measures most of the models share; `overrides` win."""
    return {
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 512,
        "initializer_range": 0.08,
        **overrides,
    }


RECIPES: dict[str, Recipe] = {
    "llama": Recipe(
        seed=11,
        vocab_size=480,
        specials=Specials(eos="<|im_end|>", pad="<|pad|>", bos="<|begin|>", others=("<|im_start|>",)),
        train_tokenizer=byte_level_bpe,
        config=lambda: LlamaConfig(**shape(tie_word_embeddings=False)),
        chat_template=CHATML,
    ),
    "mistral": Recipe(
        seed=12,
        vocab_size=640,
        specials=Specials(eos="</s>", pad="<pad>", bos="<s>", unk="<unk>"),
        train_tokenizer=sentencepiece_bpe,
        config=lambda: MistralConfig(
            **shape(hidden_size=48, head_dim=12, sliding_window=16, tie_word_embeddings=False)
        ),
        chat_template=INSTRUCT,
    ),
    "qwen2": Recipe(
        seed=13,
        vocab_size=600,
        specials=Specials(eos="<|im_end|>", pad="<|endoftext|>", others=("<|im_start|>",)),
        train_tokenizer=byte_level_bpe,
        config=lambda: Qwen2Config(
            **shape(
                tie_word_embeddings=True,
                use_sliding_window=True,
                sliding_window=16,
                max_window_layers=1,
                layer_types=["full_attention", "sliding_attention"],
            )
        ),
        chat_template=CHATML,
    ),
    "gemma3": Recipe(
        seed=14,
        vocab_size=500,
        specials=Specials(eos="<eos>", pad="<pad>", bos="<bos>", unk="<unk>"),
        train_tokenizer=unigram,
        config=lambda: Gemma3TextConfig(
            **shape(
                sliding_window=16,
                query_pre_attn_scalar=16,
                layer_types=["sliding_attention", "full_attention"],
                tie_word_embeddings=True,
            )
        ),
    ),
    "gpt2": Recipe(
        seed=15,
        vocab_size=400,
        specials=Specials(eos="[SEP]", pad="[PAD]", unk="[UNK]"),
        train_tokenizer=word_piece,
        config=lambda: GPT2Config(
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=512,
            initializer_range=0.08,
            # Random weights have nothing to regularise, and dropout would make every comparison inexact.
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        ),
    ),
}

NAMES = tuple(RECIPES)


def make_tokenizer(recipe: Recipe) -> PreTrainedTokenizerFast:
    """Trains the recipe's tokenizer and gives it its special tokens and chat template."""
    specials = recipe.specials
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=recipe.train_tokenizer(recipe.vocab_size, specials),
        bos_token=specials.bos,
        eos_token=specials.eos,
        pad_token=specials.pad,
        unk_token=specials.unk,
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    if recipe.chat_template is not None:
        tokenizer.chat_template = recipe.chat_template
    return tokenizer


def randomise(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Fresh float32 weights from `generator`: norms and biases near their neutral value, a head with an opinion.

    A head at the usual 0.02 would give nearly uniform log-probs, and norm weights of exactly 1 would hide a
    forgotten norm, so both are moved away from there. A tied head stays smaller: it sees its own token's embedding.
    """
    head = model.get_output_embeddings().weight
    head_scale = 0.12 if model.config.tie_word_embeddings else 0.3
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter is head:
                parameter.copy_(head_scale * noise)
            elif parameter.dim() == 1:
                parameter.add_(0.1 * noise)
            else:
                parameter.copy_(0.08 * noise)


def build(name: str, folder: Path) -> None:
    """Writes model `name` into `folder`."""
    recipe = RECIPES[name]
    tokenizer = make_tokenizer(recipe)
    config = recipe.config()
    config.vocab_size = len(tokenizer)
    config.bos_token_id = tokenizer.bos_token_id
    config.eos_token_id = tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    config.dtype = "float32"
    model = AutoModelForCausalLM.from_config(config).to(torch.float32)
    randomise(model, torch.Generator().manual_seed(recipe.seed))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def tiny_model(name: str, cache_dir: str | Path | None = None) -> Path:
    """Folder of model `name`, built on first use.

    `cache_dir` defaults to .cache/tiny-models of the checkout. Raises KeyError for a name not in NAMES.
    """
    if name not in RECIPES:
        raise KeyError(f"no tiny model named {name!r}; there are {', '.join(NAMES)}")
    home = Path(cache_dir if cache_dir is not None else DEFAULT_CACHE) / f"v{VERSION}"
    target = home / name
    if target.is_dir():
        return target
    home.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home))
    try:
        build(name, scratch)
        os.chmod(scratch, 0o755)
        os.rename(scratch, target)
    except OSError:
        # Another process was first: its folder is complete and equal to ours.
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description="Build tiny random models for tests.")
    parser.add_argument("folder", help="cache folder; models lie in FOLDER/v<VERSION>/<name>")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which ones (default: all): {', '.join(NAMES)}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    disable_progress_bar()
    for name in arguments.names or NAMES:
        print(tiny_model(name, arguments.folder), flush=True)


if __name__ == "__main__":
    main()
