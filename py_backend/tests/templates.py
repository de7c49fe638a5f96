"""Chat templates with the habits of well-known models, written here for tests."""

from __future__ import annotations

OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
TURN = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"

CHATML = "{% for m in messages %}" + TURN + "{% endfor %}" + OPEN

# Qwen3: reasoning of answered turns goes; the last turn gets an empty <think> where it has none.
QWEN3 = (
    "{% set ns = namespace(last=-1) %}"
    "{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m.role == 'assistant' %}"
    "{% set r = m.reasoning_content or '' %}{% set c = m.content %}"
    "{% if not r and '</think>' in c %}{% set r = c.split('</think>')[0].split('<think>')[-1] %}"
    "{% set c = c.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "<|im_start|>assistant\n"
    "{% if loop.index0 > ns.last and (loop.last or r) %}<think>\n{{ r.strip('\n') }}\n</think>\n\n{% endif %}{{ c }}"
    '{% for t in m.tool_calls or [] %}<tool_call>\n{"name": "{{ t.function.name }}", "arguments": '
    "{{ t.function.arguments if t.function.arguments is string else t.function.arguments | tojson }}}\n</tool_call>"
    "{% endfor %}<|im_end|>\n{% elif m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n"
    "</tool_response><|im_end|>\n{% else %}" + TURN + "{% endif %}{% endfor %}" + OPEN
)

# DeepSeek-R1's small models: reasoning goes from every turn, the reply itself too; the model is made to think.
R1 = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}{% else %}<|bot|>"
    "{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|bot|><think>\n{% endif %}"
)

# DeepSeek-V3: a call is a turn whose content is null, and its arguments are JSON text.
NULL_CALLS = (
    "{% for m in messages %}{% if m.role == 'assistant' and m.content is none %}{% for t in m.tool_calls %}"
    "<call>{{ t.function.name + ' ' + t.function.arguments }}</call>{% endfor %}<eos>{% elif m.role == 'assistant' %}"
    "<bot>{{ m.content }}<eos>{% else %}<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}"
)

# Qwen3-Coder: arguments are written one by one, as XML.
XML_CALLS = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content or '' }}{% for t in m.tool_calls or [] %}<{{ t.function.name }}>"
    "{% for k, v in t.function.arguments.items() %}<{{ k }}>{{ v if v is string else v | tojson }}</{{ k }}>"
    "{% endfor %}</{{ t.function.name }}>{% endfor %}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)

# Templates that write every call with tojson: arguments that are JSON text already are escaped once more.
JSON_CALLS = (
    "{% for t in tools or [] %}{{ t | tojson }}{% endfor %}{% for m in messages %}<{{ m.role }}>{{ m.content or '' }}"
    "{% for t in m.tool_calls or [] %}{{ t.function | tojson }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)

# Mistral: the system text stands in front of the last user turn, and nowhere once that is answered.
SYSTEM_LATE = (
    "{% set s = messages[0].content if messages[0].role == 'system' else '' %}"
    "{% for m in messages if m.role != 'system' %}{% if m.role == 'user' %}[INST] "
    "{% if loop.last and s %}{{ s }}\n\n{% endif %}{{ m.content }}[/INST]{% else %} {{ m.content }}{{ eos_token }}"
    "{% endif %}{% endfor %}"
)

# Gemma: no system turn; space around texts goes.
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n{{ m.content | trim }}"
    "<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)

# The end of a turn is written for the last one only.
END_ONCE = (
    "{% for m in messages %}### {{ m.role }}: {{ m.content }}\n"
    "{% if loop.last and m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}### assistant: {% endif %}"
)
