"""Pairs become rows: templates, special tokens, truncation rules, and what makes a row unusable."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import BloomConfig, LlamaConfig

from py_backend.faults import Fault
from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.models.context import context_length
from py_backend.tests.client import Client, reason
from py_backend.tests.client import pair as wire_pair
from py_backend.tokens.chat import render_prompt
from py_backend.tokens.encode import TextEncoder
from py_backend.tokens.pair_text import Message, PairText, TokenRule
from py_backend.tokens.prompt_response import PromptResponse
from py_backend.tokens.rows import TokenizedRow, build_row
from py_backend.tokens.truncation import RULES
from tiny_models import tiny_model

Encoders = Callable[[str], TextEncoder]
RULE = TokenRule(max_length=256, truncation="keep_start", template="chat", return_tokens=True)


def conversation(prompt: str, chosen: str, rejected: str, system: str | None = None) -> PairText:
    head = [] if system is None else [Message("system", system)]
    return PairText(
        [*head, Message("user", prompt)], [Message("assistant", chosen)], [Message("assistant", rejected)], plain=False
    )


def plain(prompt: str, chosen: str, rejected: str) -> PairText:
    return replace(conversation(prompt, chosen, rejected), plain=True)


def whole(row: TokenizedRow) -> tuple[list[int], list[int]]:
    """Both sequences as the model sees them."""
    pair = row.pair()
    return pair.prefix + pair.chosen, pair.prefix + pair.rejected


def scored(row: TokenizedRow) -> tuple[list[int], list[int]]:
    pair = row.pair()
    return pair.chosen[pair.chosen_from :], pair.rejected[pair.rejected_from :]


# ------------------------------------------------------------------------------------------------------- templates


CALLS = (
    "{% for t in tools or [] %}[{{ t.name }}]{% endfor %}{% for m in messages %}<{{ m.role }}>{{ m.content or '' }}"
    "{% for c in m.tool_calls or [] %}{{ c.function | tojson }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def test_what_a_message_holds_beyond_its_text_and_the_tools_reach_the_template(encoder: Encoders) -> None:
    calling = with_template(encoder("llama"), CALLS)
    call = {"tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Paris"}}}], "content": None}
    pair = conversation("how warm is it?", "", "no idea")
    pair = replace(pair, chosen=[Message("assistant", "", call)], tools=[{"name": "weather"}])
    facts = build_row(calling, pair, RULE, 0).facts
    assert (facts.unusable, facts.rendered[0]) == ("", "[weather]<user>how warm is it?<assistant>")
    assert facts.rendered[1] == '{"name": "weather", "arguments": {"city": "Paris"}}'


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2"])
def test_a_conversation_is_what_the_chat_template_makes_of_it(encoder: Encoders, name: str) -> None:
    pair = conversation("what is two plus two?", "four", "five or six", system="be kind")
    row = build_row(encoder(name), pair, RULE, 0)
    tokenizer = encoder(name).tokenizer
    for side, ids in zip(("chosen", "rejected"), whole(row), strict=True):
        turns = [vars_of(message) for message in [*pair.prompt, *getattr(pair, side)]]
        assert ids == tokenizer.apply_chat_template(turns, tokenize=True)["input_ids"]
    opened = tokenizer.apply_chat_template(
        [vars_of(m) for m in pair.prompt], tokenize=False, add_generation_prompt=True
    )
    assert row.facts.rendered[0] == opened
    assert encoder(name).decode(scored(row)[0]).strip().startswith("four")


def vars_of(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def test_a_template_that_writes_bos_gets_no_second_one(encoder: Encoders) -> None:
    tokenizer = encoder("mistral").tokenizer
    chosen, _ = whole(build_row(encoder("mistral"), conversation("hello", "the sea", "the cat"), RULE, 0))
    assert chosen[0] == tokenizer.bos_token_id
    assert tokenizer.bos_token_id not in chosen[1:]


def test_a_conversation_needs_a_chat_template(encoder: Encoders) -> None:
    with pytest.raises(Fault) as caught:
        build_row(encoder("gemma3"), conversation("hello", "a", "b"), RULE, 0)
    assert caught.value.reason == "CHAT_TEMPLATE_MISSING"
    assert "chat_template" in caught.value.hint


def with_template(encoder: TextEncoder, template: str) -> TextEncoder:
    """A copy of the tokenizer with another chat template."""
    from copy import deepcopy

    tokenizer = deepcopy(encoder.tokenizer)
    tokenizer.chat_template = template
    return TextEncoder(tokenizer)


def test_a_template_with_a_syntax_error_is_a_broken_model(encoder: Encoders) -> None:
    broken = with_template(encoder("llama"), "{% for message in messages %}")
    with pytest.raises(Fault) as caught:
        build_row(broken, conversation("hello", "a", "b"), RULE, 0)
    assert caught.value.reason == "MODEL_INVALID" and "line 1" in caught.value.message


def test_a_template_that_fails_is_a_broken_model(encoder: Encoders) -> None:
    with pytest.raises(Fault) as caught:
        build_row(with_template(encoder("llama"), "{{ 1 / 0 }}"), conversation("hello", "a", "b"), RULE, 0)
    assert caught.value.reason == "MODEL_INVALID" and "division by zero" in caught.value.message


def test_a_template_that_writes_the_date_gives_the_same_text_on_every_day(encoder: Encoders) -> None:
    dated = with_template(
        encoder("llama"), "{{ strftime_now('%d %b %Y') }}{% for m in messages %}[{{ m['content'] }}]{% endfor %}"
    )
    assert render_prompt(dated.tokenizer, [Message("user", "hello")]) == "26 Jul 2024[hello]"


def test_a_conversation_that_the_template_refuses_is_unusable(encoder: Encoders) -> None:
    strict = with_template(
        encoder("llama"),
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "[{{ m['role'] }}]{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}",
    )
    assert build_row(strict, conversation("x", "a", "b", system="s"), RULE, 0).facts.unusable == (
        "template_refused: no system role"
    )
    assert build_row(strict, conversation("x", "a", "b"), RULE, 0).facts.unusable == ""


def test_a_reply_that_the_template_opens_otherwise_begins_where_the_texts_part(encoder: Encoders) -> None:
    """A generation prompt may end with "<think>", which a finished reply does not have."""
    thinking = with_template(
        encoder("llama"),
        "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}[assistant]<think>{% endif %}",
    )
    row = build_row(thinking, conversation("hello", "the sea", "the cat"), RULE, 0)
    assert row.facts.rendered == ("[user]hello\n[assistant]", "the sea\n", "the cat\n")


def test_what_is_shown_has_every_special_token_and_is_cut_as_the_row_is(encoder: Encoders) -> None:
    llama = encoder("llama")
    bos, eos = llama.tokenizer.bos_token, llama.tokenizer.eos_token
    row = build_row(llama, plain("the cat", " sat", " lay on the mat"), RULE, 0)
    assert row.facts.rendered == (f"{bos}the cat", f" sat{eos}", f" lay on the mat{eos}")
    short = replace(RULE, max_length=row.facts.prompt_tokens + 2)
    cut = build_row(llama, plain("the cat", " sat", " lay on the mat"), short, 0)
    assert cut.facts.truncated_rejected and " lay on the mat".startswith(cut.facts.rendered[2])


def test_a_prompt_that_is_rendered_otherwise_once_a_reply_follows_is_refused(encoder: Encoders) -> None:
    shifting = with_template(
        encoder("llama"), "{{ messages|length }}:{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}"
    )
    row = build_row(shifting, conversation("hello", "the sea", "the cat"), RULE, 0)
    assert row.facts.unusable == (
        "template_refused: it writes the prompt otherwise once a response follows: "
        '"1:[user]hello" becomes "2:[user]hello[assistant]the sea"'
    )


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gemma3", "gpt2"])
def test_plain_text_gets_the_tokenizers_bos_and_one_eos(encoder: Encoders, name: str) -> None:
    tokenizer = encoder(name).tokenizer
    row = build_row(encoder(name), plain("the cat", " sat", " lay on the mat"), RULE, 0)
    eos = tokenizer.eos_token_id
    for text, ids in zip(("the cat sat", "the cat lay on the mat"), whole(row), strict=True):
        assert ids == [*tokenizer(text)["input_ids"], eos]
    written = build_row(encoder(name), plain("the cat", f" sat{tokenizer.eos_token}", " lay"), RULE, 0)
    assert scored(written)[0].count(eos) == 1


def test_plain_text_that_brings_its_bos_gets_no_second_one(encoder: Encoders) -> None:
    tokenizer = encoder("gemma3").tokenizer
    chosen, _ = whole(build_row(encoder("gemma3"), plain(f"{tokenizer.bos_token}the cat", " sat", " lay"), RULE, 0))
    assert chosen.count(tokenizer.bos_token_id) == 1


def test_the_paper_template_has_no_bos_and_tokenises_piece_by_piece(encoder: Encoders) -> None:
    rule = replace(RULE, template="paper")
    row = build_row(encoder("mistral"), plain("two plus two?", "four", "five"), rule, 0)
    ids = encoder("mistral").ids
    eos = encoder("mistral").tokenizer.eos_token_id
    assert whole(row)[0] == [*ids("Human: two plus two?\nAssistant: "), *ids("four"), eos]
    assert encoder("mistral").pieces(scored(row)[0])[0].startswith("▁")  # the space of a piece of its own


def test_the_paper_template_joins_turns_by_a_line_break(encoder: Encoders) -> None:
    pair = PairText(
        [Message("user", "hello"), Message("assistant", "yes"), Message("user", "why?")],
        [Message("assistant", "the sea")],
        [Message("assistant", "the cat")],
        plain=False,
    )
    chosen, _ = whole(build_row(encoder("llama"), pair, replace(RULE, template="paper"), 0))
    ids, eos = encoder("llama").ids, encoder("llama").tokenizer.eos_token_id
    first, second = ids("Human: hello\nAssistant: "), ids("Human: why?\nAssistant: ")
    assert chosen == [*first, *ids("yes"), eos, *ids("\n"), *second, *ids("the sea"), eos]


# ------------------------------------------------------------------------------------------------------ one prompt


def test_both_responses_share_the_prompt_they_are_encoded_with(encoder: Encoders) -> None:
    row = build_row(encoder("llama"), conversation("what is two plus two?", "four", "five"), RULE, 0)
    assert len(row.prefix) == row.facts.prompt_tokens
    assert (row.chosen_from, row.rejected_from) == (0, 0)


def test_a_prompt_end_that_depends_on_the_response_belongs_to_the_branches(encoder: Encoders) -> None:
    """One response merges with the prompt's line break and is forced apart, the other's encoding is left as it is."""
    row = build_row(encoder("mistral"), plain("the cat ", "sat", " sat"), RULE, 0)
    pair = row.pair()
    assert row.facts.boundary_split
    for ids, first in ((pair.chosen, pair.chosen_from), (pair.rejected, pair.rejected_from)):
        assert len(pair.prefix) + first <= len(encoder("mistral").ids("the cat ")) + 1
        assert first < len(ids)
    for side, text in zip(whole(row), ("the cat sat", "the cat  sat"), strict=True):
        assert encoder("mistral").decode(side[1:-1]) == encoder("mistral").decode(encoder("mistral").ids(text))


# -------------------------------------------------------------------------------------------------------- unusable


@pytest.mark.parametrize(
    ("chosen", "rejected", "reason"),
    [("", "b", "empty_response"), ("a", " \n", "empty_response"), ("same", "same", "identical"), ("a", "b", "")],
)
def test_a_row_says_why_it_cannot_be_scored(encoder: Encoders, chosen: str, rejected: str, reason: str) -> None:
    assert build_row(encoder("llama"), conversation("hello", chosen, rejected), RULE, 0).facts.unusable == reason


def test_responses_that_differ_only_behind_the_cut_are_identical(encoder: Encoders) -> None:
    pair = plain("hello", "the sea is wide", "the sea is deep")
    row = build_row(encoder("llama"), pair, replace(RULE, max_length=8), 0)
    assert row.facts.unusable == "identical"


def test_an_empty_prompt_without_bos_leaves_nothing_to_begin_with(encoder: Encoders) -> None:
    assert build_row(encoder("qwen2"), plain("", "a", "b"), RULE, 0).facts.unusable == "empty_prompt"
    assert build_row(encoder("llama"), plain("", "a", "b"), RULE, 0).facts.unusable == ""


def test_a_pair_that_breaks_the_protocol_is_refused_by_its_number(encoder: Encoders) -> None:
    pair = replace(conversation("x", "a", "b", system="s"), plain=True)
    with pytest.raises(Fault) as caught:
        build_row(encoder("llama"), pair, RULE, 17)
    assert caught.value.reason == "ROW_INVALID" and "row 17" in caught.value.message


# ------------------------------------------------------------------------------------------------------ truncation

LONG = plain("one two three four five six", " seven eight", " nine ten eleven twelve thirteen")


def lengths(encoder: TextEncoder) -> tuple[int, int, int]:
    facts = build_row(encoder, LONG, RULE, 0).facts
    return facts.prompt_tokens, facts.chosen_tokens, facts.rejected_tokens


def test_keep_start_cuts_the_end_and_refuses_a_prompt_that_fills_the_limit(encoder: Encoders) -> None:
    prompt, chosen, rejected = lengths(encoder("llama"))
    cut = build_row(encoder("llama"), LONG, replace(RULE, max_length=prompt + chosen), 0)
    assert (cut.facts.truncated_prompt, cut.facts.truncated_chosen, cut.facts.truncated_rejected) == (
        False,
        False,
        True,
    )
    full = build_row(encoder("llama"), LONG, RULE, 0)
    assert whole(cut)[1] == whole(full)[1][: prompt + chosen]
    assert build_row(encoder("llama"), LONG, replace(RULE, max_length=prompt), 0).facts.unusable == "too_long"
    assert build_row(encoder("llama"), LONG, replace(RULE, max_length=prompt + 1), 0).facts.chosen_tokens == 1


def test_drop_refuses_a_pair_whose_longer_side_exceeds_the_limit(encoder: Encoders) -> None:
    prompt, _, rejected = lengths(encoder("llama"))
    rule = replace(RULE, truncation="drop")
    assert build_row(encoder("llama"), LONG, replace(rule, max_length=prompt + rejected), 0).facts.unusable == ""
    short = build_row(encoder("llama"), LONG, replace(rule, max_length=prompt + rejected - 1), 0)
    assert short.facts.unusable == "too_long"


def test_keep_end_of_prompt_keeps_bos_and_both_responses(encoder: Encoders) -> None:
    prompt, chosen, rejected = lengths(encoder("llama"))
    rule = replace(RULE, truncation="keep_end_of_prompt", max_length=rejected + 5)
    row, full = (build_row(encoder("llama"), LONG, each, 0) for each in (rule, RULE))
    assert scored(row) == scored(full)
    assert row.facts.truncated_prompt and row.facts.prompt_tokens == 5
    bos = encoder("llama").tokenizer.bos_token_id
    assert row.prefix.tolist() == [bos, *full.prefix.tolist()[-4:]]


def test_a_bos_that_only_the_template_writes_is_kept_as_well(encoder: Encoders) -> None:
    tokenizer = with_template(encoder("qwen2"), "{{ bos_token }}" + encoder("qwen2").tokenizer.chat_template).tokenizer
    tokenizer.bos_token = tokenizer.convert_ids_to_tokens(5)
    chat = replace(LONG, plain=False)
    rejected = build_row(TextEncoder(tokenizer), chat, RULE, 0).facts.rejected_tokens
    rule = replace(RULE, truncation="keep_end_of_prompt", max_length=rejected + 5)
    row = build_row(TextEncoder(tokenizer), chat, rule, 0)
    assert row.facts.truncated_prompt and row.prefix[0] == 5 and len(row.prefix) == 5


IDS = st.lists(st.integers(1, 50), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(prompt=IDS, chosen=IDS, rejected=IDS, limit=st.integers(2, 40), rule=st.sampled_from(sorted(RULES)))
def test_every_rule_keeps_within_the_limit_and_cuts_only_at_ends(
    prompt: list[int], chosen: list[int], rejected: list[int], limit: int, rule: str
) -> None:
    kept = RULES[rule](PromptResponse(prompt, chosen), PromptResponse(prompt, rejected), limit, 0)
    if kept is None:
        return
    for index, (side, whole_response) in enumerate(zip(kept, (chosen, rejected), strict=True)):
        assert side.response and side.response == whole_response[: len(side.response)]
        end_kept = rule == "keep_end_of_prompt"
        assert side.prompt == (prompt[len(prompt) - len(side.prompt) :] if end_kept else prompt[: len(side.prompt)])
        assert rule == "paper" and index == 1 or len(side.prompt) + len(side.response) <= limit


@settings(max_examples=200, deadline=None)
@given(prompt=st.integers(1, 3000), response=st.integers(1, 3000), limit=st.integers(2, 2048))
def test_the_paper_rule_shares_the_limit_in_proportion(prompt: int, response: int, limit: int) -> None:
    side = PromptResponse([1] * prompt, [2] * response)
    kept = RULES["paper"](side, side, limit, 0)
    assert kept is not None
    share = limit * response / (prompt + response)
    room = max(math.floor(share), 1)
    assert len(kept[0].response) == min(response, room)
    assert len(kept[0].prompt) == min(prompt, limit - room)


# ------------------------------------------------------------------------------------------------------- context


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_limit_beyond_the_context_of_the_model_is_refused(client: Client, name: str) -> None:
    loaded = client.load(tiny_model(name))
    row = wire_pair("Hello", "the sea", "the cat", plain=True)
    assert len(client.register(loaded.model_handle, [row], max_length=loaded.context_length)[1]) == 1
    with pytest.raises(grpc.RpcError) as caught:
        client.register(loaded.model_handle, [row], max_length=loaded.context_length + 1)
    client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded.model_handle))
    assert reason(caught.value) == "ROW_INVALID"
    assert "max_length: got 513" in caught.value.details() and "at most 512 tokens" in caught.value.details()


@pytest.mark.parametrize(
    ("rope", "limit"),
    [
        (None, 512),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}, 2048),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}, 512),
        ({"rope_type": "default"}, 512),
    ],
)
def test_the_context_reaches_as_far_as_stretched_positions_do(rope: dict[str, object] | None, limit: int) -> None:
    more = {} if rope is None else {"rope_parameters": {"rope_theta": 1e4, **rope}}
    assert context_length(LlamaConfig(max_position_embeddings=512, **more)) == limit
    assert context_length(BloomConfig()) == 0
