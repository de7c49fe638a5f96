"""The process in which chat templates are rendered and patterns are tried: run as a script, isolated, by `process`.

A line of JSON in, a line of JSON out. A task that takes too much processor time ends this process, one that takes too
much memory fails; neither reaches the backend. It imports nothing of py_backend and holds no secret.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import sys
from datetime import datetime
from typing import Any

TASK_SECONDS = 2
TASK_BYTES = 512 << 20
ANSWER_CHARACTERS = 16 << 20
MESSAGE_CHARACTERS = 2000

TODAY = datetime(2024, 7, 26)
"""The date that templates get: scores are kept for ever, so a text must not depend on the day. This is
the day that Llama's templates themselves write where they have no clock."""


def render(task: dict[str, Any]) -> dict[str, Any]:
    """One conversation through one template, by transformers' own renderer."""
    from jinja2.exceptions import TemplateError, TemplateSyntaxError
    from transformers.utils.chat_template_utils import render_jinja_template

    try:
        rendered, _ = render_jinja_template(
            [task["conversation"]], chat_template=task["template"], strftime_now=TODAY.strftime, **task["variables"]
        )
    except TemplateSyntaxError as error:
        return {"syntax": short(error.message or ""), "line": error.lineno}
    except TemplateError as error:
        return {"refused": short(str(error) or type(error).__name__)}
    except (MemoryError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 - a template is a program and may fail in any way
        return {"broke": short(f"{type(error).__name__}: {error}")}
    if len(rendered[0]) > ANSWER_CHARACTERS:
        return {"failed": f"it writes {len(rendered[0])} characters, expected at most {ANSWER_CHARACTERS}"}
    return {"text": rendered[0]}


FORMS = ("{}", "(.*\\.)?({})$", "(^|.*\\.){}($|\\..*)", "(?:^|.*?\\.){}\\.(?P<idx>\\d+)\\.", "{}\\.")
"""What PEFT and transformers make of a pattern."""


def try_patterns(task: dict[str, Any]) -> dict[str, Any]:
    """Matches each pattern against every name, in all the forms it is put in. That this ends is the answer."""
    for pattern in task["patterns"]:
        for form in FORMS:
            try:
                compiled = re.compile(form.replace("{}", pattern))
            except (re.error, OverflowError, RecursionError):
                continue  # whoever uses it will say so
            for name in task["names"]:
                compiled.fullmatch(name)
                compiled.match(name)
    return {"tried": len(task["patterns"])}


TASKS = {"render": render, "patterns": try_patterns}


def short(text: str, most: int = MESSAGE_CHARACTERS) -> str:
    """The text, or its first `most` characters and three dots."""
    return text if len(text) <= most else f"{text[:most]}..."


def answer(line: bytes) -> bytes:
    """The result of one task as a line of JSON; {"failed": ...} for whatever a template raises."""
    try:
        task = json.loads(line)
        found = TASKS[task["task"]](task)
        return json.dumps(found, ensure_ascii=False).encode()
    except MemoryError:
        return json.dumps({"failed": f"it takes more than {TASK_BYTES >> 20} MiB of memory"}).encode()
    except Exception as error:  # noqa: BLE001 - a template is a program and may fail in any way
        return json.dumps({"failed": short(f"{type(error).__name__}: {error}")}).encode()


def limit_memory() -> None:
    """From here on: what is in use now and TASK_BYTES more. Not every system has the figure or keeps to the limit."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            in_use = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (in_use + TASK_BYTES, in_use + TASK_BYTES))
    except (OSError, ValueError):
        pass


def limit_time() -> None:
    """The system ends this process when the next task takes more than TASK_SECONDS of processor time."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    used = int(usage.ru_utime + usage.ru_stime)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (used + 1 + TASK_SECONDS, hard))


def main() -> None:
    """Answers tasks from stdin until it ends; folders of packages are the arguments."""
    sys.path += [folder for folder in sys.argv[1:] if folder not in sys.path]
    tasks, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the backend to handle
    import transformers.utils.chat_template_utils  # noqa: F401 - before the limits, and before the first task waits

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit_memory()
    for line in tasks:
        limit_time()
        answers.write(answer(line) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
