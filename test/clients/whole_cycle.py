"""Orders a run with the Python client, watches it with both of its faces, fetches the adapter; prints what it saw.

python whole_cycle.py ADDRESS TOKEN CONFIG_JSON PAIRS FOLDER
"""

import asyncio
import json
import sys
from functools import partial

from mrpo_client import AsyncClient, Client, RunsError, state_name
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

sent = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(sent))
trace.set_tracer_provider(provider)

address, token, config_text, pairs, folder = sys.argv[1:]
config = json.loads(config_text)


def refusal(call) -> list:
    try:
        call()
    except RunsError as error:
        return [error.reason, error.hint, sorted(error.fields)]
    return []


async def watch_again() -> list[int]:
    async with AsyncClient(address, token) as service:
        await service.get("py")
        async for event in service.watch("py"):
            if event.seq == 3:
                break
        return [event.seq async for event in service.watch("py", after_seq=3, only_kept=True)]


async def refusals() -> list[str]:
    """Of a unary call and of streams."""
    async with AsyncClient(address, token) as service:
        reasons = []
        calls = (
            service.get("nobody"),
            service.download("nobody", "result", folder),
            service.score({"training": {"epochs": -1}}),
            service.plan(config, "ABACUS"),
            service.what_if({"training": {"epochs": -1}}),
            anext(service.watch("nobody")),
            AsyncClient("unix:/nobody/here").info(),
        )
        for call in calls:
            try:
                await call
            except RunsError as error:
                reasons.append(error.reason)
        return reasons


def wrong_argument(call) -> str:
    try:
        call()
    except ValueError as error:
        return str(error)
    return ""


with Client(address) as stranger:
    unauthenticated = refusal(stranger.info)
with Client(address, token) as service:
    wrong = refusal(lambda: service.create({**config, "training": {"epochs": -1}}))
    unknown = refusal(lambda: service.get("nobody"))
    config["data"]["train"] = service.upload(pairs)
    run = service.create(config, run_id="py", labels={"by": "python"})
    same = service.create(config, run_id="py", labels={"by": "python"})
    other = refusal(lambda: service.create({**config, "generate": {"samples": 1}}, run_id="py"))
    events = list(service.watch("py"))
    paths = service.download("py", "result", folder)
    listed = [found.id for found in service.list(["SUCCEEDED"], {"by": "python"})]
    after = service.get("py")
    checkpoints = [checkpoint.step for checkpoint in service.checkpoints("py")]
    seqs = asyncio.run(watch_again())
    reasons = asyncio.run(refusals())
    report = service.reference_report(config)
    models = service.models()
print(
    json.dumps(
        {
            "unauthenticated": unauthenticated,
            "wrong": wrong,
            "unknown": unknown,
            "other": other,
            "same": same.id == run.id and same.create_time == run.create_time,
            "seqs": [event.seq for event in events],
            "again": seqs,
            "losses": [event.step.measures["loss"] for event in events if event.kind == "step"],
            "state": state_name(after.state),
            "paths": [path.name for path in paths],
            "listed": listed,
            "checkpoints": checkpoints,
            "reasons": reasons,
            "artifacts": wrong_argument(lambda: service.download("py", "unspecified", folder)),
            "states": [wrong_argument(partial(list, service.list(states))) for states in (["RUNING"], "RUNNING")],
            "said": next(str(event) for event in events if event.kind == "phase_change"),
            "report": report["pairs"],
            "models": [model.path for model in models],
            "spans": {span.name.split("/")[1]: f"{span.context.span_id:016x}" for span in sent.get_finished_spans()},
            "beta1": after.resolved_spec.training.adam_beta1,
        }
    )
)
