"""Small models of three real architectures, each with a tokenizer and a chat template of its own.

| name    | its skill | architecture                        | tokenizer                      | chat template |
|---------|-----------|-------------------------------------|--------------------------------|---------------|
| llama   | sums      | Llama, grouped keys                 | byte-level BPE, BOS            | ChatML        |
| mistral | words     | Mistral, sliding window of 24       | SentencePiece-style BPE, BOS   | [INST]        |
| qwen    | weights   | Qwen2, tied embeddings, no BOS      | byte-level BPE, larger         | headed lines  |
| tiny    | sums      | Llama of half the width             | as llama                       | ChatML        |

About one million parameters each, and a quarter of that for tiny.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, MistralConfig, PretrainedConfig, PreTrainedTokenizerFast, Qwen2Config

CONTEXT = 256  # tokens


@dataclass(frozen=True)
class Character:
    """What one model is made of."""

    name: str
    skill: str
    seed: int
    vocab_size: int
    bos: str | None
    eos: str
    pad: str
    markers: tuple[str, ...]
    chat_template: str
    train_tokenizer: Callable[[Character, Iterable[str]], Tokenizer]
    config: Callable[[], PretrainedConfig]

    def special_tokens(self) -> list[str]:
        """Those that this model has: padding, BOS, EOS and the marks of turns."""
        return [token for token in (self.pad, self.bos, self.eos, *self.markers) if token is not None]


def byte_level(character: Character, texts: Iterable[str]) -> Tokenizer:
    """GPT-2's scheme: any text can be written, because the alphabet is the 256 bytes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=character.vocab_size,
        special_tokens=character.special_tokens(),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return with_bos(tokenizer, character)


def metaspace(character: Character, texts: Iterable[str]) -> Tokenizer:
    """SentencePiece's look: spaces are U+2581; the alphabet is what the corpus uses."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="first")
    trainer = trainers.BpeTrainer(
        vocab_size=character.vocab_size,
        special_tokens=[*character.special_tokens(), "<unk>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return with_bos(tokenizer, character)


def with_bos(tokenizer: Tokenizer, character: Character) -> Tokenizer:
    """Makes the tokenizer itself put BOS in front of a text, where the family does so."""
    bos = character.bos
    if bos is not None:
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def shape(**overrides: object) -> dict[str, object]:
    """The measures the three share."""
    return {
        "hidden_size": 192,
        "intermediate_size": 608,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 48,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.07,
        **overrides,
    }


CHATML = (
    "{{ bos_token }}{% for message in messages %}<|start|> {{ message['role'] }}\n{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|start|> assistant\n{% endif %}"
)
INSTRUCT = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ message['content'] }}{{ eos_token }}{% else %}[INST]{{ message['content'] }}[/INST]{% endif %}{% endfor %}"
)
HEADED = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

CHARACTERS = (
    Character(
        name="llama",
        skill="sums",
        seed=1,
        vocab_size=512,
        bos="<|begin|>",
        eos="<|end|>",
        pad="<|pad|>",
        markers=("<|start|>",),
        chat_template=CHATML,
        train_tokenizer=byte_level,
        config=lambda: LlamaConfig(**shape(tie_word_embeddings=False)),
    ),
    Character(
        name="mistral",
        skill="words",
        seed=2,
        vocab_size=320,
        bos="<s>",
        eos="</s>",
        pad="<pad>",
        markers=("[INST]", "[/INST]"),
        chat_template=INSTRUCT,
        train_tokenizer=metaspace,
        config=lambda: MistralConfig(**shape(sliding_window=24, tie_word_embeddings=False)),
    ),
    Character(
        name="qwen",
        skill="weights",
        seed=3,
        vocab_size=640,
        bos=None,
        eos="<|eot|>",
        pad="<|pad|>",
        markers=("<|system|>", "<|user|>", "<|assistant|>"),
        chat_template=HEADED,
        train_tokenizer=byte_level,
        config=lambda: Qwen2Config(**shape(tie_word_embeddings=True)),
    ),
)

TINY = replace(
    CHARACTERS[0],
    name="tiny",
    seed=4,
    config=lambda: LlamaConfig(
        **shape(hidden_size=96, intermediate_size=304, head_dim=24, tie_word_embeddings=False),
    ),
)


def make_tokenizer(character: Character, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A tokenizer trained on `texts`, with the special tokens and template of its character."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=character.train_tokenizer(character, texts),
        bos_token=character.bos,
        eos_token=character.eos,
        pad_token=character.pad,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )
    tokenizer.chat_template = character.chat_template
    return tokenizer
