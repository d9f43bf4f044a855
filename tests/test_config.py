"""Settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from functrans import config


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("FUNCTRANS_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    config.threads = None


def test_threads_are_those_that_the_process_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    all_of_them = config.threads
    assert all_of_them >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "1000000")
    assert config.threads == all_of_them
    monkeypatch.setenv("OMP_NUM_THREADS", "1,4")
    assert config.threads == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "no number")
    assert config.threads == all_of_them
    monkeypatch.setenv("FUNCTRANS_THREADS", "1")
    assert config.threads == 1


def test_what_is_set_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTRANS_THREADS", "1")
    config.threads = 5
    assert config.threads == 5
    config.threads = None
    assert config.threads == 1


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "2", True])
def test_threads_are_counted(wrong: Any) -> None:
    with pytest.raises(ValueError, match="positive integer"):
        config.threads = wrong
