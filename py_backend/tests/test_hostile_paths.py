"""Paths that would lead out of the permitted folders, or that are no paths: refused without a word of what is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from py_backend.gen.mrpo.backend.v1 import backend_pb2 as pb
from py_backend.tests.client import Client, reason

Folder = Callable[[str], Path]


@dataclass
class Place:
    """A backend that may read and write below `root`; `outside` holds a model of the same kind."""

    client: Client
    root: Path
    outside: Path

    def model(self, name: str) -> Path:
        folder = self.root / name
        shutil.copytree(self.outside, folder)
        return folder

    def refusal(self, source: str | Path, **options: str) -> str:
        with pytest.raises(grpc.RpcError) as caught:
            self.client.identify(source, **options)
        return f"{reason(caught.value)}: {caught.value.details()}{hint(caught.value)}"


def hint(error: grpc.RpcError) -> str:
    return str(dict(error.trailing_metadata())["grpc-status-details-bin"])


@pytest.fixture
def place(serve: Callable[..., str], socket_folder: Path, model_folder: Folder, tmp_path: Path) -> Iterator[Place]:
    from py_backend.roots import Roots

    root, outside = tmp_path / "root", tmp_path / "secret-models" / "llama"
    root.mkdir()
    shutil.copytree(model_folder("llama"), outside)
    address = serve(f"unix:{socket_folder}/{abs(hash(tmp_path))}", roots=Roots.of([str(root)]))
    yield Place(Client(grpc.insecure_channel(address)), root, outside)


def test_links_below_a_root_that_lead_outside_are_not_followed(place: Place) -> None:
    for index, name in enumerate(("model.safetensors", "tokenizer.json", "tokenizer_config.json", "config.json")):
        folder = place.model(f"file-{index}")
        (folder / name).unlink()
        (folder / name).symlink_to(place.outside / name)
        said = place.refusal(folder)
        assert said.startswith("PATH_REFUSED") and name in said and "secret-models" not in said
    folder = place.model("folder")
    (folder / "shards").symlink_to(place.outside)
    assert place.refusal(folder).startswith("PATH_REFUSED")
    inside = place.model("inside")
    (inside / "model.safetensors").unlink()
    (inside / "model.safetensors").symlink_to(place.model("target") / "model.safetensors")
    assert place.client.identify(inside).weights  # a link that stays below the root is a file like another


@pytest.mark.parametrize("named", ["../../secret-models/llama/model.safetensors", "/etc/passwd", "a\0b"])
@pytest.mark.parametrize("roots", [True, False])
def test_an_index_names_files_of_its_own_folder(client: Client, place: Place, named: str, roots: bool) -> None:
    folder = place.model("indexed")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    weight_map = {"lm_head.weight": "model-00001-of-00001.safetensors", "model.norm.weight": named}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    said = Place(place.client if roots else client, place.root, place.outside).refusal(folder)
    assert said.startswith("MODEL_INVALID") and "index.json names" in said


def test_nothing_is_told_of_what_lies_outside(place: Place) -> None:
    """Neither by a hint, nor by one answer for what is there and another for what is not."""
    there, close, missing = (place.outside, place.outside.with_name("lama"), place.outside.with_name("mistral"))
    answers = {place.refusal(path).replace(str(path), "PATH") for path in (there, close, missing)}
    assert len({answer.partition(" b'")[0].split("b'")[0] for answer in answers}) == 1
    assert all(answer.startswith("PATH_REFUSED") and "Did you mean" not in answer for answer in answers)
    place.model("llama")
    assert "Did you mean" in place.refusal(place.root / "lama")


@pytest.mark.parametrize("text", ["/a\0b", "a/\0", "/" + "a" * 300, "/" + "a/" * 40000, "~nobody-of-this-name/x"])
def test_what_is_no_path_is_told_so(client: Client, place: Place, text: str, model_folder: Folder) -> None:
    llama = str(model_folder("llama"))
    loaded = client.load(llama).model_handle
    for call in (
        lambda: client.identify(text),
        lambda: client.load(text),
        lambda: client.identify(llama, adapter=text),
        lambda: client.identify(llama, tokenizer=text),
        lambda: client.export(loaded, Path(text), merge=True),
        lambda: place.client.identify(text),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            call()
        assert reason(caught.value) in ("PATH_REFUSED", "MODEL_NOT_FOUND")
    client.UnloadModel(pb.UnloadModelRequest(model_handle=loaded))


def test_a_loop_of_links_is_no_defect(place: Place) -> None:
    (place.root / "loop").symlink_to(place.root / "loop")
    assert place.refusal(place.root / "loop").startswith(("PATH_REFUSED", "MODEL_NOT_FOUND"))


@pytest.mark.parametrize("revision", ["../../x", "a/../b", "/etc", "a\0"])
def test_a_revision_is_no_path(client: Client, revision: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.identify("organisation/name", revision=revision)
    assert reason(caught.value) == "MODEL_INVALID"
