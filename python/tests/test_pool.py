"""A pool whose results are shared arrays, and what it says of workers that die."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import PATH
from test_send import METHODS, clean, names  # noqa: F401

import ndshm
from ndshm._owner import owner_of


def square(number):
    return np.full(1000, number * number)


def fill(number, out):
    out += number


def end(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 13:
        os._exit(5)
    return np.zeros(1000)


def fail(number):
    raise KeyError(number)


@pytest.mark.parametrize("method", [*METHODS, None])
def test_results_are_shared(method):
    with ndshm.Pool(2, method) as pool:
        got = pool.map(square, range(20))
        assert [array[5] for array in got] == [n * n for n in range(20)]
        filled = pool.map(fill, [3, 4], shape=(2, 2), dtype="i4")
        assert [array.tolist() for array in filled] == [[[3, 3], [3, 3]], [[4, 4], [4, 4]]]
        assert all(owner_of(array) is not None for array in got + filled)
        assert pool.map(len, ["ab", ()]) == [2, 0]
        assert pool.map(square, []) == []


@pytest.mark.parametrize("method", METHODS)
def test_a_dead_worker_is_named(method):
    for items, says in [([1, 2, 3, 4], "SIGKILL at item 2: 3"), ([1, 13], "exit status 5 at item 1: 13")]:
        with ndshm.Pool(2, method) as pool, pytest.raises(ndshm.WorkersError, match=says):
            pool.map(end, items)


def test_what_a_function_raises():
    with ndshm.Pool(2) as pool:
        with pytest.raises(KeyError):
            pool.map(fail, range(9))
        assert [array[0] for array in pool.map(square, [2])] == [4]


def endless(number):
    if number:
        time.sleep(600)
    return np.zeros(1000)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("whole_group", [True, False])
def test_ctrl_c(method, whole_group):
    before = names()
    program = PATH + f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import ndshm
from test_pool import endless
with ndshm.Pool(2, {method!r}) as pool:
    pool.map(endless, [0])
    print(flush=True)
    pool.map(endless, [0, 0, 0, 1, 1])
"""
    child = subprocess.Popen([sys.executable, "-B", "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, start_new_session=True)
    child.stdout.readline()
    time.sleep(0.3)
    (os.killpg if whole_group else os.kill)(child.pid, signal.SIGINT)
    errors = child.communicate(timeout=30)[1]
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert child.returncode in (1, -signal.SIGINT)
    assert not names() - before
    assert ends(child.pid), "processes are left"


def ends(group):
    """What helps multiprocessing ends a moment later."""
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False
