"""Which device is taken, and that a GPU which cannot be used is never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from py_backend.devices import DeviceRefused, pick_device, sees_nvidia_gpu
from py_backend.models.identity import numeric_path
from py_backend.models.spec import ModelSpec


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """A machine with so many GPUs that torch can use, and perhaps nvidia-smi."""

    def with_gpus(usable: int, smi: bool, cuda: str | None = "13.0", capability: tuple[int, int] = (8, 0)) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: usable > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: usable)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device=None: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device=None: "NVIDIA A100-SXM4-80GB")
        monkeypatch.setattr(torch.version, "cuda", cuda)
        if smi:
            script = tmp_path / "nvidia-smi"
            script.write_text('#!/bin/sh\ncase "$1" in -L) echo "GPU 0: NVIDIA A100" ;; *) echo "535.104.05" ;; esac\n')
            script.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":" if smi else None)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.delenv("MRPO_DEVICE", raising=False)

    return with_gpus


def test_the_first_gpu_or_the_one_that_is_named(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(usable=2, smi=False)
    assert [str(pick_device(name)) for name in ("", "cuda", "cuda:1", "cpu")] == ["cuda:0", "cuda:0", "cuda:1", "cpu"]
    monkeypatch.setenv("MRPO_DEVICE", "cuda:1")
    assert str(pick_device()) == "cuda:1"
    with pytest.raises(DeviceRefused, match="got cuda:2, but there are 2 GPUs"):
        pick_device("cuda:2")
    with pytest.raises(DeviceRefused, match="got 'gpu', expected auto, cpu"):
        pick_device("gpu")


def test_no_gpu_at_all_is_the_cpu(machine) -> None:
    machine(usable=0, smi=False)
    assert str(pick_device()) == "cpu"
    with pytest.raises(DeviceRefused, match="no NVIDIA GPU can be seen"):
        pick_device("cuda")


def test_a_torch_without_cuda_on_a_machine_with_a_gpu_is_refused(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(usable=0, smi=True, cuda=None)
    with pytest.raises(DeviceRefused, match="built without CUDA.*MRPO_TORCH=default.*MRPO_DEVICE=cpu"):
        pick_device()
    assert str(pick_device("cpu")) == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert not sees_nvidia_gpu() and str(pick_device()) == "cpu"


def test_a_driver_that_is_too_old_is_named(machine) -> None:
    machine(usable=0, smi=True)
    with pytest.raises(DeviceRefused, match=r"built for CUDA 13\.0, the driver is 535\.104\.05.*580"):
        pick_device()


def test_before_ampere_models_compute_in_float16(machine) -> None:
    device = torch.device("cuda", 0)
    machine(usable=1, smi=False, capability=(7, 5))
    assert ModelSpec("m").dtype_name(device) == "float16"
    assert ModelSpec("m", dtype="bfloat16").dtype_name(device) == "bfloat16"
    machine(usable=1, smi=False, capability=(8, 0))
    assert ModelSpec("m").dtype_name(device) == "bfloat16"


def test_scores_of_another_gpu_or_another_attention_are_not_taken(machine) -> None:
    paths = []
    for capability in ((7, 5), (8, 0), (9, 0)):
        machine(usable=1, smi=False, capability=capability)
        paths.append(numeric_path(ModelSpec("m", dtype="float16"), torch.device("cuda", 0)))
    assert len(set(paths)) == 3
    assert "packed-by-pair" in paths[0] and "packed-flash" in paths[1]
    assert "NVIDIA-A100-SXM4-80GB" in paths[1] and f"torch-{torch.__version__.split('+')[0]}" in paths[1]
    assert numeric_path(ModelSpec("m", dtype="float16"), torch.device("cuda", 1)) == paths[2]


def test_scores_that_a_cpu_has_kept_stay_valid() -> None:
    expected = "cpu float32 unquantized sdpa head-float32 sum-float64 layout-2"
    assert numeric_path(ModelSpec("m"), torch.device("cpu")) == expected
