"""The pool: errors come back, contexts go along, nothing nests; forks, settings, when it is imported."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from functrans import config
from functrans.compile import threads


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    config.threads = None


def test_all_take_part() -> None:
    barrier = threading.Barrier(3, timeout=20)
    seen = set()

    def work() -> None:
        barrier.wait()
        seen.add(threading.get_ident())

    for _ in range(3):
        threads.spread(work, 3)
        assert len(seen) >= 3
        assert threading.get_ident() in seen


def test_one_thread_is_this_one() -> None:
    seen = []
    threads.spread(lambda: seen.append(threading.get_ident()), 1)
    assert seen == [threading.get_ident()]


def test_errors_come_back() -> None:
    barrier = threading.Barrier(2, timeout=20)
    here = threading.get_ident()

    def elsewhere() -> None:
        barrier.wait()
        if threading.get_ident() != here:
            raise KeyError("from there")

    with pytest.raises(KeyError, match="from there"):
        threads.spread(elsewhere, 2)

    def at_home() -> None:
        if threading.get_ident() == here:
            raise KeyError("from here")

    with pytest.raises(KeyError, match="from here"):
        threads.spread(at_home, 2)


def test_the_context_goes_along() -> None:
    setting: contextvars.ContextVar[int] = contextvars.ContextVar("setting", default=0)
    setting.set(7)
    barrier = threading.Barrier(2, timeout=20)
    seen = []

    def work() -> None:
        barrier.wait()
        seen.append((setting.get(), np.geterr()["over"]))

    with np.errstate(over="raise"):
        threads.spread(work, 2)
    assert seen == [(7, "raise")] * 2


def test_nothing_nests() -> None:
    config.threads = 4
    barrier = threading.Barrier(2, timeout=20)
    seen = []

    def work() -> None:
        barrier.wait()
        seen.append(threads.limit())

    assert threads.limit() == 4
    threads.spread(work, 2)
    assert seen == [1, 1]
    assert threads.limit() == 4


def test_many_callers_at_once() -> None:
    done = []

    def call() -> None:
        for _ in range(20):
            threads.spread(lambda: done.append(0), 2)

    callers = [threading.Thread(target=call) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert 8 * 20 <= len(done) <= 2 * 8 * 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_after_a_fork_there_is_a_new_pool() -> None:
    code = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # that threads are running at a fork
from functrans.compile import threads

def together():
    barrier = threading.Barrier(2, timeout=20)
    threads.spread(barrier.wait, 2)

together()
child = os.fork()
if not child:
    together()
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_the_pool_is_imported_at_its_first_use() -> None:
    code = "import functrans, functrans.compile.threads, sys; sys.exit('concurrent.futures.thread' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0
