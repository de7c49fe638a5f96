"""Responses of several turns: the assistant's are scored, and nothing else, in every layout of rows and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from py_backend.engine import build_engine
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests import templates
from py_backend.tests.client import Client
from py_backend.tokens.encode import TextEncoder
from py_backend.tokens.pair_text import Message, PairText, TokenRule
from py_backend.tokens.rows import TokenizedRow, build_row
from tiny_models import tiny_model

RULE = TokenRule(max_length=400, truncation="keep_start", template="chat", return_tokens=True)


def turns(*texts: str) -> list[Message]:
    """Of the assistant and of the user in turn, the assistant first."""
    return [Message("user" if at % 2 else "assistant", text) for at, text in enumerate(texts)]


PROMPT = [Message("user", "Weather in Paris?")]
CHOSEN = turns("Which Paris?", "The French one, it has many words here", "18 degrees.")
REJECTED = turns("Cloudy.", "Sure?", "Yes.")
PAIR = PairText(PROMPT, CHOSEN, REJECTED, plain=False)


def scored_texts(row: TokenizedRow, encoder: TextEncoder) -> list[str]:
    """What is scored of either response, as text."""
    tokens = row.pair()
    return [
        encoder.decode([branch[at] for at in indices])
        for branch, indices in ((tokens.chosen, tokens.chosen_at()), (tokens.rejected, tokens.rejected_at()))
    ]


@pytest.fixture
def under(encoder: Callable[[str], TextEncoder]) -> Callable[..., TextEncoder]:
    def make(name: str, template: str | None = None) -> TextEncoder:
        tokenizer = deepcopy(encoder(name).tokenizer)
        tokenizer.chat_template = template or tokenizer.chat_template
        return TextEncoder(tokenizer)

    return make


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2"])
def test_turns_are_scored_as_they_would_be_one_by_one(encoder: Callable[[str], TextEncoder], name: str) -> None:
    """The tokens of each turn are those it has as the only turn of a response behind all turns before it."""
    row = build_row(encoder(name), PAIR, RULE, 0)
    tokens = row.pair()
    for response, branch, at, count in (
        (CHOSEN, tokens.chosen, tokens.chosen_at(), row.facts.chosen_tokens),
        (REJECTED, tokens.rejected, tokens.rejected_at(), row.facts.rejected_tokens),
    ):
        one_by_one = []
        for index in (0, 2):
            alone = PairText([*PROMPT, *response[:index]], [response[index]], turns("other"), plain=False)
            one_by_one += build_row(encoder(name), alone, RULE, 0).pair().chosen
        assert [branch[i] for i in at] == one_by_one
        assert count == len(one_by_one)
    everything = build_row(encoder(name), PAIR, replace(RULE, score_turns="all"), 0)
    assert everything.pair() == replace(tokens, chosen_skipped=(), rejected_skipped=())
    assert everything.facts.chosen_tokens == len(tokens.chosen)


@pytest.mark.parametrize(
    ("template", "chosen", "rejected"),
    [
        (templates.CHATML, "Which Paris?<|im_end|>\n18 degrees.<|im_end|>\n", "Cloudy.<|im_end|>\nYes.<|im_end|>\n"),
        # As the template writes the conversation: an empty <think> where a turn ends it, nothing where one follows.
        (
            templates.QWEN3,
            "Which Paris?<|im_end|>\n<think>\n\n</think>\n\n18 degrees.<|im_end|>\n",
            "Cloudy.<|im_end|>\n<think>\n\n</think>\n\nYes.<|im_end|>\n",
        ),
        (
            templates.GEMMA,
            "Which Paris?<end_of_turn>\n18 degrees.<end_of_turn>\n",
            "Cloudy.<end_of_turn>\nYes.<end_of_turn>\n",
        ),
        (templates.END_ONCE, "Which Paris?\n18 degrees.\n</s>", "Cloudy.\nYes.\n</s>"),
        (templates.R1, "Which Paris?</s>18 degrees.</s>", "Cloudy.</s>Yes.</s>"),
    ],
    ids=["chatml", "qwen3", "gemma", "end-once", "r1"],
)
def test_what_is_scored_ends_with_the_turn_under_every_template(
    under: Callable[..., TextEncoder], template: str, chosen: str, rejected: str
) -> None:
    encoder = under("llama", template)
    row = build_row(encoder, PAIR, RULE, 0)
    eos = encoder.tokenizer.eos_token
    assert row.facts.unusable == ""
    assert scored_texts(row, encoder) == [chosen.replace("</s>", eos), rejected.replace("</s>", eos)]
    whole = encoder.tokenizer.apply_chat_template(
        [{"role": m.role, "content": m.content} for m in [*PROMPT, *CHOSEN]], tokenize=False
    )
    assert "".join(row.facts.rendered[:2]) == whole


def test_answers_of_tools_are_context(under: Callable[..., TextEncoder]) -> None:
    call = {"function": {"name": "weather", "arguments": {"city": "Paris"}}}
    chosen = [
        Message("assistant", "", {"tool_calls": [call]}),
        Message("tool", "18"),
        Message("assistant", "18 degrees."),
    ]
    encoder = under("llama", templates.QWEN3)
    row = build_row(encoder, PairText(PROMPT, chosen, REJECTED[:1], plain=False), RULE, 0)
    assert "<tool_response>" in row.facts.rendered[1]
    assert scored_texts(row, encoder)[0] == (
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call><|im_end|>\n'
        "<think>\n\n</think>\n\n18 degrees.<|im_end|>\n"
    )


def test_a_turn_of_the_user_at_the_end_is_not_even_read(under: Callable[..., TextEncoder]) -> None:
    encoder = under("llama")
    row = build_row(encoder, replace(PAIR, chosen=CHOSEN[:2]), RULE, 0)
    assert scored_texts(row, encoder)[0] == "Which Paris?<|im_end|>\n"
    assert len(row.chosen) == row.facts.chosen_tokens


def test_a_cut_leaves_the_scored_tokens_that_fit(under: Callable[..., TextEncoder]) -> None:
    encoder = under("llama")
    whole = build_row(encoder, PAIR, RULE, 0)
    first = len(build_row(encoder, replace(PAIR, chosen=CHOSEN[:1]), RULE, 0).chosen)
    cut = build_row(encoder, PAIR, replace(RULE, max_length=whole.facts.prompt_tokens + first + 5), 0)
    assert cut.facts.truncated_chosen and cut.facts.chosen_tokens == first
    assert list(cut.chosen) == list(whole.chosen[:first])


def test_turns_that_cannot_be_told_apart_are_refused_unless_all_are_scored(under: Callable[..., TextEncoder]) -> None:
    """A template that numbers the conversation: no beginning of it is written as it is when more follows."""
    encoder = under("llama", "{% for m in messages %}{{ messages | length }}<{{ m.role }}>{{ m.content }}{% endfor %}")
    assert "otherwise once a response follows" in build_row(encoder, PAIR, RULE, 0).facts.unusable
    counted = (
        "{% for m in messages %}{% if m.role == 'assistant' %}{{ (messages | length) // 3 }}{% endif %}<{{ m.role }}>"
    )
    encoder = under("llama", counted + "{{ m.content }}{% endfor %}")
    assert build_row(encoder, PAIR, replace(RULE, score_turns="all"), 0).facts.unusable == ""


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_the_paper_layout_scores_the_assistants_texts(encoder: Callable[[str], TextEncoder], name: str) -> None:
    row = build_row(encoder(name), PAIR, replace(RULE, template="paper"), 0)
    assert [text.replace(" ", "") for text in scored_texts(row, encoder(name))] == [
        f"WhichParis?18degrees.{encoder(name).tokenizer.eos_token}",
        f"Cloudy.Yes.{encoder(name).tokenizer.eos_token}",
    ]


# ------------------------------------------------------------------------------------------------ numbers


def own_logps(model: torch.nn.Module, tokenizer: Any, pair: PairText) -> Iterator[float]:
    """Plain transformers, one conversation at a time: the sum over tokens that lie in what the assistant writes, found
    by its text."""
    for response in (pair.chosen, pair.rejected):
        talk = [{"role": m.role, "content": m.content} for m in [*pair.prompt, *response]]
        text = tokenizer.apply_chat_template(talk, tokenize=False)
        coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        said, at = [], 0
        for message in response:
            at = text.index(message.content, at)
            if message.role == "assistant":
                said.append((at, at + len(message.content) + len("<|im_end|>\n")))
        ids = torch.tensor([coded["input_ids"]])
        with torch.no_grad():
            table = model(ids).logits[0].double().log_softmax(-1)
        yield sum(
            float(table[i - 1, ids[0, i]])
            for i, (start, end) in enumerate(coded["offset_mapping"])
            if any(a <= start and end <= b for a, b in said)
        )


@pytest.mark.parametrize("layout", ["shared", "plain"])
@pytest.mark.parametrize("name", ["llama", "qwen2"])
def test_log_probs_equal_plain_transformers_in_float64(name: str, layout: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model(name), dtype=torch.float64).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_model(name))
    same_start = replace(PAIR, rejected=turns("Which Paris?", "The Texan one", "I do not know."))
    pairs = [PAIR, same_start]
    expected = [logp for pair in pairs for logp in own_logps(model, tokenizer, pair)]
    engine = build_engine(model, layout="auto" if layout == "shared" else "plain")
    assert engine.layout == layout
    rows = [build_row(TextEncoder(tokenizer), pair, RULE, 0).pair() for pair in pairs]
    assert engine.forward(rows, grad=False).tolist() == pytest.approx(
        expected, rel=2e-8
    )  # norms of transformers are float32


def test_the_running_backend_scores_them_so(client: Client) -> None:
    folder = tiny_model("qwen2")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    to_wire = lambda side: [pb.Message(role=m.role, content=m.content) for m in side]  # noqa: E731
    sent = pb.PairText(prompt=to_wire(PROMPT), chosen=to_wire(CHOSEN), rejected=to_wire(REJECTED))
    loaded = client.load(folder)
    row_set, facts = client.register(loaded.model_handle, [sent], return_tokens=True)
    everything, all_facts = client.register(loaded.model_handle, [sent], score_turns="all")
    got, everything_got = client.score(row_set)[0], client.score(everything)[0]
    client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded.model_handle))
    assert got == pytest.approx(tuple(own_logps(model, tokenizer, PAIR)), abs=1e-4)
    assert all(less > more for less, more in zip(got, everything_got, strict=True))
    (start, end), pieces = facts[0].chosen_context, facts[0].chosen_pieces
    assert len(pieces) - (end - start) == facts[0].chosen_tokens < all_facts[0].chosen_tokens == len(pieces)
    in_rejected = all_facts[0].rejected_tokens - facts[0].rejected_tokens
    assert facts[0].context_tokens == end - start + in_rejected
    assert all_facts[0].context_tokens == 0
