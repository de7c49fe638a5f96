"""Opens what trackers have written with their own libraries, and prints it as JSON: {"train": {name: [[step, value]]}}.

python read_trackers.py tensorboard FOLDER | mlflow RUN_ID | wandb FOLDER | trackio PROJECT RUN
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path


def tensorboard(folder: str) -> dict:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    # Nothing is left out: a step that was written twice is seen twice.
    events = EventAccumulator(folder, size_guidance={"scalars": 0}, purge_orphaned_data=False).Reload()
    return {
        "files": len(list(Path(folder).glob("events*"))),
        "text": list(events.Tags()["tensors"]),
        "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]},
    }


def mlflow(run_id: str) -> dict:
    from mlflow import MlflowClient

    client = MlflowClient()
    run = client.get_run(run_id)
    runs = client.search_runs([run.info.experiment_id])
    return {
        "runs": len(runs),
        "status": run.info.status,
        "params": run.data.params,
        "scalars": {
            name: [[m.step, m.value] for m in client.get_metric_history(run_id, name)] for name in run.data.metrics
        },
    }


def log_records(log: bytes) -> Iterator[bytes]:
    """Records of a LevelDB log behind W&B's own header: blocks of 32 KiB, chunks of checksum, length and kind."""
    block, header, at, record = 32768, 7, 7, b""
    while at + header <= len(log):
        if block - at % block < header:
            at += block - at % block
            continue
        length, kind = struct.unpack("<HB", log[at + 4 : at + header])
        record += log[at + header : at + header + length]
        at += header + length
        if kind in (1, 4):  # whole, or last chunk
            yield record
            record = b""


def wandb(folder: str) -> dict:
    """The transaction logs of every attempt, which `wandb sync` reads."""
    from wandb.proto import wandb_internal_pb2

    scalars: dict[str, list] = {}
    ids = set()
    for path in sorted(Path(folder).glob("wandb/offline-run-*/*.wandb")):
        for data in log_records(path.read_bytes()):
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            if record.HasField("run"):
                ids.add(record.run.run_id)
            if record.HasField("history"):
                items = {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
                for name, value in items.items():
                    scalars.setdefault(name, []).append([items["train/global_step"], value])
    return {"ids": sorted(ids), "scalars": scalars}


def trackio(project: str, run: str) -> dict:
    from trackio.sqlite_storage import SQLiteStorage

    scalars: dict[str, list] = {}
    for line in SQLiteStorage.get_logs(project, run):
        for name, value in line.items():
            if isinstance(value, (int, float)) and name != "step":
                scalars.setdefault(name, []).append([line["step"], value])
    return {"scalars": scalars}


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
