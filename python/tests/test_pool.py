"""A pool whose results are shared arrays, and what it says of workers that die."""

import os
import signal
import subprocess
import sys
import threading
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


def end_at_the_third(item):
    """Counts calls by files in the folder."""
    with open(os.path.join(item, str(len(os.listdir(item)))), "x"):
        pass
    if len(os.listdir(item)) == 3:
        os.kill(os.getpid(), signal.SIGKILL)


def test_equal_items_are_told_apart(folder):
    with ndshm.Pool(1) as pool, pytest.raises(ndshm.WorkersError, match="at item 2: "):
        pool.map(end_at_the_third, [str(folder)] * 6)


def hold(item):
    """Until the file is there; `killed` ends its process then."""
    while not os.path.exists(item[0]):
        time.sleep(0.01)
    if item[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(30)


def test_maps_of_two_threads(folder):
    """Each says where the worker died: at its own item, or at one of another map."""
    said, path = {}, str(folder / "go")

    def run(pool, role):
        with pytest.raises(ndshm.WorkersError) as caught:
            pool.map(hold, [(path, role)])
        said[role] = str(caught.value)

    with ndshm.Pool(2, "spawn") as pool:
        threads = [threading.Thread(target=run, args=(pool, role)) for role in ("killed", "other")]
        for thread in threads:
            thread.start()
        while sum(int((known.rows["pid"][1:] > 0).sum()) for known in list(pool.maps)) < 2:
            time.sleep(0.01)
        (folder / "go").touch()
        for thread in threads:
            thread.join()
    assert "SIGKILL at item 0: " in said["killed"]
    assert said["other"].endswith("SIGKILL at an item of another map")


@pytest.mark.parametrize("method", METHODS)
def test_maps_leave_nothing_in_the_pool(method):
    before = names()
    with ndshm.Pool(2, method) as pool:
        pool.map(square, range(4))
        for _ in range(10):
            got = pool.map(square, range(4))
            with pytest.raises(KeyError):
                pool.map(fail, range(4))
        end = time.monotonic() + 20
        while time.monotonic() < end:
            pool.map(len, [])
            # A worker lets go of its last item a moment after the result has come.
            if len(pool.maps) <= (method == "fork"):
                break
            time.sleep(0.01)
        assert len(pool.maps) <= (method == "fork")
        assert len(names() - before) <= len(got) + len(pool.maps)


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
