"""These tests change torch for the whole process: `npm test` gives them one, and nothing else may be in it."""

from __future__ import annotations

import os
import sys

import pytest
import torch

from py_backend.tests.cuda import fake_device

fake_device.install()
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _own_gpu() -> None:
    fresh = fake_device.FakeGpu()
    for key, value in vars(fresh).items():
        setattr(fake_device.gpu, key, value)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """What was put into libtorch does not survive its own end."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(getattr(config, "exit_status", 3))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.exit_status = int(exitstatus)
