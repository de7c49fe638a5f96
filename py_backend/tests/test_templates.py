"""What chat templates cut, rewrite or refuse: written whole, or refused by row in words that say what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_backend.tests import templates
from py_backend.tokens.encode import TextEncoder
from py_backend.tokens.pair_text import Message, PairText, TokenRule
from py_backend.tokens.rows import RowFacts, build_row
from py_backend.tokens.written import missing

RULE = TokenRule(max_length=400, truncation="keep_start", template="chat", return_tokens=True)


def user(text: str) -> Message:
    return Message("user", text)


def assistant(text: str, **extra: Any) -> Message:
    return Message("assistant", text, extra or None)


def calling(arguments: Any, **extra: Any) -> Message:
    call = {"id": "abc123def", "type": "function", "function": {"name": "get_weather", "arguments": arguments}}
    return assistant("", tool_calls=[call], **extra)


def pair(prompt: list[Message], chosen: list[Message] | str, rejected: list[Message] | str, **more: Any) -> PairText:
    sides = [[assistant(side)] if isinstance(side, str) else side for side in (chosen, rejected)]
    return PairText(prompt, *sides, plain=False, **more)


@pytest.fixture
def facts_of(encoder: Callable[[str], TextEncoder]) -> Callable[..., RowFacts]:
    def under(chat: str, pair: PairText, **rule: Any) -> RowFacts:
        tokenizer = deepcopy(encoder("llama").tokenizer)
        tokenizer.chat_template = chat
        return build_row(TextEncoder(tokenizer), pair, replace(RULE, **rule), 0).facts

    return under


Facts = Callable[..., RowFacts]
ASKED = [user("Weather in Paris?")]
PARIS = {"city": "Paris", "days": 3, "units": {"wind": "km/h"}}


# ------------------------------------------------------------------------------------------------ refused, in words


@pytest.mark.parametrize(
    ("template", "prompt", "words"),
    [
        (templates.GEMMA, [Message("system", "Be kind."), *ASKED], "template_refused: System role not supported"),
        (templates.SYSTEM_LATE, [Message("system", "Be kind."), *ASKED], 'a response follows: "Be kind. Weather in'),
        ("{{ messages[0].content + messages[0].missing.name }}", ASKED, "template_refused: 'dict object' has no"),
        (
            "{% for m in messages %}{{ m.content + m.turn }}{% endfor %}",
            [Message("user", "x", {"turn": 3})],
            "TypeError",
        ),
    ],
)
def test_what_a_template_refuses_is_told_in_its_own_words(
    facts_of: Facts, template: str, prompt: list[Message], words: str
) -> None:
    said = facts_of(template, pair(prompt, "18 degrees.", "Cloudy.")).unusable
    assert said.startswith("template_refused: ") and words in said


def test_a_row_that_a_template_breaks_on_is_refused_and_the_others_are_not(facts_of: Facts) -> None:
    counting = "{% for m in messages %}{{ m.content }}{{ 12 // m.get('turns', 1) }}{% endfor %}"
    assert facts_of(counting, pair(ASKED, "warm", "cold")).unusable == ""
    broken = facts_of(counting, pair([Message("user", "x", {"turns": 0})], "warm", "cold")).unusable
    assert broken.startswith("template_refused: ZeroDivisionError")


def test_what_a_reply_begins_with_is_no_part_of_how_the_template_opens_it(facts_of: Facts) -> None:
    facts = facts_of(templates.R1, pair([user("Two plus two?")], "<answer>4</answer>", "<answer>5</answer>"))
    assert facts.unusable == "" and facts.rendered[0].endswith("<|bot|>")
    assert facts.rendered[1].startswith("<answer>4")


def test_a_template_that_opens_another_turn_unasked_is_refused(facts_of: Facts) -> None:
    always = templates.CHATML.replace("{% if add_generation_prompt %}", "").removesuffix("{% endif %}")
    assert "opens another turn" in facts_of(always, pair([user("hi")], "yes", "no")).unusable
    never = templates.CHATML.partition("{% if add_generation_prompt %}")[0]
    once = never + "{% if messages[-1].role == 'assistant' %}{{ eos_token }}\n{% endif %}"
    for template in (never, once, templates.END_ONCE):
        assert facts_of(template, pair([user("hi")], "yes", "no")).unusable == ""


# ------------------------------------------------------------------------------------------------ reasoning

THOUGHT = "<think>\nadd them: 2+2=4\n</think>\n\nFour."


def test_a_reply_whose_reasoning_is_cut_is_refused(facts_of: Facts) -> None:
    facts = facts_of(templates.R1, pair([user("Two plus two?")], THOUGHT, "<think>guess</think>Five"))
    assert facts.unusable == 'text_left_out: the chat template leaves out content of chosen: "add them: 2+2=4"'


@pytest.mark.parametrize("chosen", [assistant(THOUGHT), assistant("Four.", reasoning_content="add them: 2+2=4")])
def test_reasoning_that_is_written_is_scored(facts_of: Facts, chosen: Message) -> None:
    facts = facts_of(templates.QWEN3, pair([user("Two plus two?")], [chosen], "<think>guess</think>Five"))
    assert facts.unusable == "" and facts.rendered[1] == f"{THOUGHT}<|im_end|>\n"


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_under_a_key_that_the_template_does_not_know_is_refused_by_name(facts_of: Facts, key: str) -> None:
    facts = facts_of(templates.CHATML, pair(ASKED, [assistant("18.", **{key: "They ask for weather."})], "20."))
    assert facts.unusable == f'text_left_out: the chat template leaves out {key} of chosen: "They ask for weather."'


def test_reasoning_of_answered_turns_may_go_and_is_told(facts_of: Facts) -> None:
    history = [user("Two plus two?"), assistant(THOUGHT), user("Sure?")]
    facts = facts_of(templates.QWEN3, pair(history, "Yes.", "No."))
    assert (facts.unusable, facts.left_out) == ("", ("reasoning of assistant turns",))
    assert facts_of(templates.CHATML, pair(history, "Yes.", "No.")).left_out == ()


# ------------------------------------------------------------------------------------------------ calls of tools


@pytest.mark.parametrize(
    "spelt", [PARIS, json.dumps(PARIS), json.dumps(PARIS, indent=1)], ids=["object", "text", "lines"]
)
@pytest.mark.parametrize("template", [templates.NULL_CALLS, templates.XML_CALLS, templates.JSON_CALLS, templates.QWEN3])
def test_calls_are_written_whichever_way_the_data_spells_them(facts_of: Facts, template: str, spelt: Any) -> None:
    """Arguments as an object or as JSON text, content empty or null: the template gets what it understands."""
    for more in ({}, {"content": None}):
        facts = facts_of(template, pair(ASKED, [calling(spelt, **more)], "I cannot know."))
        assert facts.unusable == ""
        for text in ("get_weather", "city", "Paris", "3", "km/h"):
            assert text in facts.rendered[1]
        assert '\\"city' not in facts.rendered[1]


def test_calls_that_a_template_does_not_write_are_refused_by_name(facts_of: Facts) -> None:
    facts = facts_of(templates.CHATML, pair(ASKED, [calling(PARIS)], "I cannot know."))
    assert facts.unusable == 'text_left_out: the chat template leaves out tool_calls: name of chosen: "get_weather"'
    answered = [*ASKED, calling(PARIS), Message("tool", "18 degrees", {"tool_call_id": "abc123def"})]
    facts = facts_of(templates.CHATML, pair(answered, "18.", "20."))
    assert "tool_calls: name of the assistant turn in prompt" in facts.unusable


def test_ids_and_names_of_speakers_may_be_left_out_and_are_told(facts_of: Facts) -> None:
    answered = [*ASKED, calling(PARIS), Message("tool", "18 degrees", {"tool_call_id": "abc123def", "name": "weather"})]
    tools = [{"type": "function", "function": {"name": "get_weather"}}]
    facts = facts_of(templates.QWEN3, pair(answered, "18.", "20.", tools=tools))
    assert (facts.unusable, facts.left_out) == ("", ("tool_call_id of tool turns", "name of tool turns"))
    assert facts_of(templates.XML_CALLS, pair(ASKED, "18.", "20.", tools=tools)).left_out == ("tools",)
    assert facts_of(templates.JSON_CALLS, pair(ASKED, "18.", "20.", tools=tools)).left_out == ()


@pytest.mark.parametrize("template", ["paper", "plain"])
def test_layouts_without_a_template_refuse_what_they_cannot_hold(facts_of: Facts, template: str) -> None:
    both = pair([user("Weather?")], [calling(PARIS)], "I cannot know.")
    if template == "plain":
        facts = facts_of(templates.CHATML, replace(both, plain=True))
    else:
        facts = facts_of(templates.CHATML, both, template="paper")
    assert facts.unusable == 'text_left_out: tool_calls: name of chosen needs a chat template: "get_weather"'


# ------------------------------------------------------------------------------------------------ texts


def test_space_around_texts_may_go(facts_of: Facts) -> None:
    facts = facts_of(templates.GEMMA, pair([user(" Hello\n")], "  a  b\nc \n", "no"))
    assert facts.unusable == "" and facts.rendered[1] == "a  b\nc<end_of_turn>\n"


@pytest.mark.parametrize(
    "cut", ["m.content[:5]", "m.content | replace('\n', ' ')", "m.content | upper", "m.content.split(':')[-1]", "''"]
)
def test_a_template_that_changes_a_reply_is_refused(facts_of: Facts, cut: str) -> None:
    said = "Answer: one\ntwo and three"
    written = (
        "{% for m in messages %}<{{ m.role }}>{{ " + cut + " if m.role == 'assistant' else m.content }}{% endfor %}"
    )
    facts = facts_of(written + "{% if add_generation_prompt %}<assistant>{% endif %}", pair(ASKED, said, "no: a\nb cd"))
    assert (
        facts.unusable == 'text_left_out: the chat template leaves out content of chosen: "Answer: one two and three"'
    )


def test_what_is_asked_must_be_written_and_older_turns_are_told(facts_of: Facts) -> None:
    last_two = "{% for m in messages[-2:] %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    shortened = "{% for m in messages[1:] %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    asked = [Message("system", "Be kind."), user("Weather?")]
    assert facts_of(shortened, pair(asked, "18.", "20.")).left_out == ("content of system turns",)
    assert facts_of("<{{ messages[-1].role }}>{{ messages[0].content }}", pair(asked, "18.", "20.")).unusable == (
        'text_left_out: the chat template leaves out content of the user turn in prompt: "Weather?"'
    )
    assert facts_of(last_two, pair(asked, "18.", "20.")).unusable.startswith("template_refused")


@given(st.lists(st.text(max_size=12), min_size=1, max_size=4), st.data())
def test_a_text_counts_as_written_exactly_when_it_is_there_in_order(texts: list[str], data: st.DataObject) -> None:
    messages = [assistant(text) for text in texts]
    assert missing(messages, "".join(f"<|x|>{text}<|y|>" for text in texts)) == []
    lost = data.draw(st.integers(0, len(texts) - 1))
    without = "".join(f"<|x|>{'' if at == lost else text}<|y|>" for at, text in enumerate(texts))
    found = [message for message, _ in missing(messages, without)]
    if texts[lost].strip() and texts[lost].strip() not in without:
        assert messages[lost] in found
