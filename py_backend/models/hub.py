"""Files of a hub id: the local cache first, then the network, with short timeouts so that a machine without network
hears so within seconds."""

from __future__ import annotations

import re
from pathlib import Path

from ..faults import Fault

HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
REVISION = re.compile(r"(?!.*(^|/)\.{1,2}(/|$))[\w.-]+(/[\w.-]+)*")
"""A branch, tag or commit: the hub's cache makes paths of it."""
TIMEOUT_S = 5.0
PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def snapshot(name: str, revision: str, what: str) -> tuple[Path, str]:
    """Folder and resolved commit. Raises MODEL_NOT_FOUND."""
    from huggingface_hub import snapshot_download

    if revision and REVISION.fullmatch(revision) is None:
        raise Fault("MODEL_INVALID", f"{what} {name}: revision {revision[:100]!r} is no branch, tag or commit")

    def fetch(local: bool) -> Path:
        return Path(
            snapshot_download(
                name, revision=revision or None, allow_patterns=PATTERNS, local_files_only=local, etag_timeout=TIMEOUT_S
            )
        )

    try:
        folder = fetch(local=True)
        if any(folder.glob("*.safetensors")):
            return folder, folder.name
    except Exception:  # noqa: BLE001 - whatever the cache lacks, the network may have
        pass
    require_reachable(name, revision, what)
    try:
        folder = fetch(local=False)
    except Exception as error:
        raise unreachable(name, what, error) from error
    return folder, folder.name


def require_reachable(name: str, revision: str, what: str) -> None:
    """One small question with a short timeout, so that a download never hangs on a dead network."""
    from huggingface_hub import HfApi

    try:
        HfApi().repo_info(name, revision=revision or None, timeout=TIMEOUT_S)
    except Exception as error:
        raise unreachable(name, what, error) from error


def require_reachable_dataset(name: str, revision: str) -> None:
    """Raises DATASET_NOT_FOUND within seconds when the hub cannot be asked or does not know the dataset."""
    from huggingface_hub import HfApi

    try:
        HfApi().repo_info(name, repo_type="dataset", revision=revision or None, timeout=TIMEOUT_S)
    except Exception as error:
        text = unreachable(name, "dataset", error).message
        raise Fault("DATASET_NOT_FOUND", text, "Check the id and the network.") from error


def unreachable(name: str, what: str, error: Exception) -> Fault:
    """The MODEL_NOT_FOUND fault for a name that is neither a folder nor can be downloaded."""
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return Fault(
        "MODEL_NOT_FOUND",
        f"{what} {name}: no such folder, and as a hub id it cannot be downloaded: {type(error).__name__}: {first_line}",
        "Give the path of a folder; or check the id, the network, and HF_TOKEN for gated models.",
    )
