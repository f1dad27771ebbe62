"""Arrays travel between processes by name, and nothing is left of them."""

import copy
import io
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.reduction import ForkingPickler
from pathlib import Path

import numpy as np
import pytest
from conftest import PACKAGE, PATH

import ndshm
from ndshm import _send
from ndshm._owner import owner_of

METHODS = ["fork", "spawn", "forkserver"]
RECORD = np.dtype([("chr", "S3"), ("pos", ">i4"), ("xyz", "f4", (3,))], align=True)


def names():
    """Names that the library made."""
    return {found.name for found in ndshm.ls() if found.name.startswith("anon-")}


@pytest.fixture(autouse=True)
def clean():
    """Nothing is left after a test."""
    before = names()
    yield
    end = time.monotonic() + 5
    while names() - before and time.monotonic() < end:
        time.sleep(0.02)
    assert not names() - before


def sent(array):
    return pickle.loads(ForkingPickler.dumps(array))


def double(array):
    assert owner_of(array) is not None
    return ndshm.array(array * 2)


def increase(array):
    array += 1


def make(queue, count):
    """Sends arrays, and ends with one in a global."""
    global KEPT
    KEPT = [ndshm.array(np.full(5, number)) for number in range(count)]
    for array in KEPT:
        queue.put(array)


def make_and_wait(queue, go_on):
    make(queue, 1)
    go_on.wait()


def inherited(queue):
    queue.put(KEPT[0])


def views():
    base = ndshm.array(np.arange(24).reshape(4, 6))
    table = ndshm.zeros(5, RECORD)
    table["pos"] = range(5)
    return [base, base[1:, ::2], base.T, base[::-1, 3], base[2, 2:3], table, table["pos"], table["xyz"][:, 1], table[3:],
            ndshm.zeros((), "f8"), base.reshape(2, 2, 6), np.broadcast_to(base[0], (3, 6))]


def test_views_travel_as_views():
    for array in views():
        got = sent(array)
        assert got.dtype == array.dtype
        assert got.strides == array.strides
        assert got.flags.writeable == array.flags.writeable
        np.testing.assert_array_equal(got, array)
        if got.flags.writeable and got.size:
            got[...] = np.ones((), got.dtype)
            np.testing.assert_array_equal(got, array)


def test_what_is_sent_shows_its_name():
    made = ndshm.Segment(owner_of(ndshm.zeros((2, 3), "f4")), None)
    assert repr(made).startswith("<ndshm.Segment without a name: shape=(2, 3), dtype=float32,")
    got = sent(made.array)
    assert repr(made).startswith(f"<ndshm.Segment {made.name!r}: shape=(2, 3), dtype=float32,")
    assert repr(made).endswith("holders=2>")
    assert ndshm.info(got).name == made.name


def test_others_travel_as_before():
    for array in [np.arange(3), np.array([None, "x"]), np.zeros((0, 3)), ndshm.zeros((0, 3))]:
        np.testing.assert_array_equal(sent(array), array)
        assert owner_of(sent(array)) is None


def test_plain_pickle_and_copy_copy():
    array = ndshm.array([1, 2, 3])
    file = io.BytesIO()
    pickle.dump(array, file)
    for got in (pickle.loads(pickle.dumps(array, 5)), copy.deepcopy(array), pickle.loads(file.getvalue())):
        assert owner_of(got) is None
        assert got.tolist() == [1, 2, 3]
    assert ndshm.info(array).name is None


def test_a_message_that_is_late(monkeypatch):
    monkeypatch.setattr(_send, "PROMISE_MS", 1)
    message = ForkingPickler.dumps(ndshm.zeros(3))
    time.sleep(0.05)
    ndshm.prune()
    with pytest.raises(ndshm.LapsedError, match="too late"):
        pickle.loads(message)


def test_a_message_waits_for_its_receiver():
    message = ForkingPickler.dumps(ndshm.array([4, 5]))
    time.sleep(0.05)
    ndshm.prune()
    assert pickle.loads(message).tolist() == [4, 5]


@pytest.mark.parametrize("method", METHODS)
def test_pools(method):
    given = [ndshm.array(np.arange(1000.0) + number) for number in range(6)]
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        for array, got in zip(given, pool.map(double, given)):
            assert owner_of(got) is not None
            np.testing.assert_array_equal(got, array * 2)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        list(pool.map(increase, given))
    assert [array[0] for array in given] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("method", METHODS)
def test_the_producer_may_end_first(method):
    context = multiprocessing.get_context(method)
    for queue in (context.Queue(), context.SimpleQueue()):
        child = context.Process(target=make, args=(queue, 3))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert [queue.get().tolist() for _ in range(3)] == [[number] * 5 for number in range(3)]


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_ends_last_takes_the_name_with_it(method):
    context = multiprocessing.get_context(method)
    queue, go_on = context.SimpleQueue(), context.Event()
    child = context.Process(target=make_and_wait, args=(queue, go_on))
    child.start()
    name = owner_of(queue.get()).name
    assert ndshm.info(name).attached
    go_on.set()
    child.join()
    assert child.exitcode == 0
    assert name not in names()


ENDS = {
    "a global": "",
    "a thread": "threading.Thread(target=lambda: [a.sum() for _ in iter(int, 1)], daemon=True).start()",
    "a cycle in C": "import ctypes; ctypes.pythonapi.Py_IncRef(ctypes.py_object(a))",
    "a child": "os.fork() or sys.exit()",
}


@pytest.mark.parametrize("end", ENDS)
def test_no_end_of_a_process_leaves_a_name(end, python):
    python(f"""
        import os, pickle, threading
        from multiprocessing.reduction import ForkingPickler
        from ndshm._owner import owner_of
        a = ndshm.zeros(1000)
        b = pickle.loads(ForkingPickler.dumps(a))
        assert ndshm.info(owner_of(a).name).attached
        {ENDS[end]}
    """)


def test_what_runs_last_may_use_arrays(python):
    out = python("""
        import atexit, pickle
        from multiprocessing.reduction import ForkingPickler
        from ndshm._leave import leave
        a = ndshm.zeros(3)
        b, draft = pickle.loads(ForkingPickler.dumps(a)), ndshm.zeros(3)
        leave()
        a[1], draft[1] = 7, 8
        print(b[1], draft[1], [i.name for i in ndshm.ls() if i.name.startswith("anon-") and not i.attached])
    """)
    assert out == "7.0 8.0 []\n"


def test_what_nobody_may_write_is_left_too(name, python):
    """By one who is not root: its file cannot be opened to write again, to take the place of what has the lock."""
    assert python("""
        import ctypes, os
        create = ndshm.create
        info = ndshm.info  # another user may not read modules
        if os.getuid() == 0:
            os.setuid(65534)
        a = create(sys.argv[1], 3, mode=0o400).publish().array
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(a))  # nobody frees it
        print(info(sys.argv[1]).attached)
    """, name) == "True\n"
    assert name not in {found.name for found in ndshm.ls()}
    assert not os.path.exists(f"/dev/shm/ndshm.{name}")


@pytest.mark.parametrize("first", ["", "import multiprocessing.util"])
def test_what_cannot_be_left_is_told(first, name, python):
    """Without a descriptor: the name is dead at the end, and the program was told."""
    done = python(f"""
        import ctypes, os, resource
        {first}
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        kept = [ndshm.create(sys.argv[1] + end, 3, policy=policy).publish().array
                for end, policy in (("", "last-detach"), ("-kept", "persist"))]
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))
        kept[0][0] = 5
        while True:
            try:
                os.open("/dev/null", os.O_RDONLY)
            except OSError:
                break
        print(kept[0][0])
    """, name, check=False)
    assert (done.returncode, done.stdout) == (0, "5.0\n")
    assert done.stderr == (f"ndshm: '{name}' cannot be left: system call failed (it needs a free descriptor). "
                           "It is dead when this process has ended; ndshm.prune() removes it\n")
    assert name in ndshm.prune()


@pytest.mark.parametrize("method", METHODS)
def test_memory_without_a_name_is_sent_by_its_descriptor(method):
    array = ndshm.create(None, 5, "i4").publish().array
    array[:] = range(5)
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        pool.map(increase, [array, array[1:]])
    assert array.tolist() == [1, 3, 4, 5, 6]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a /dev/shm of its own")
def test_a_small_dev_shm():
    program = PATH + f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
import ndshm, multiprocessing
from test_send import increase
from ndshm._owner import owner_of
a = ndshm.zeros(1_000_000)
with multiprocessing.get_context("fork").Pool(1) as pool:
    pool.map(increase, [a, a[1:]])
print(a[0], a[-1], owner_of(a).name)
"""
    small = "mount -t tmpfs -o size=1m none /dev/shm || exit 77; exec \"$0\" -B -c \"$1\""
    done = subprocess.run(["unshare", "-m", "sh", "-c", small, sys.executable, program], capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode == 77:
        pytest.skip("needs a /dev/shm of its own")
    assert (done.stdout, done.stderr) == ("1.0 2.0 None\n", "")


def receive_for_ever(pipe, ready):
    ready.set()
    while True:
        pipe.recv()


def send_for_ever(pipe, ready):
    _send.PROMISE_MS = 300
    pipe.send(ndshm.array([1, 2]))
    ready.set()
    while True:
        pipe.send(ndshm.array([1, 2]))


# What is killed, and which end of the pipe it has.
KILLED = {"receiver": (receive_for_ever, 0), "sender": (send_for_ever, 1)}
# A process that is not forked takes a moment to begin.
ROUNDS = {"fork": 12, "spawn": 3, "forkserver": 4}


@pytest.mark.parametrize("killed", KILLED)
@pytest.mark.parametrize("method", METHODS)
def test_kills_leave_what_prune_removes(method, killed, monkeypatch):
    monkeypatch.setattr(_send, "PROMISE_MS", 300)
    chance, context = random.Random(7), multiprocessing.get_context(method)
    work, end = KILLED[killed]
    before = names()
    for _ in range(ROUNDS[method]):
        ends, ready = context.Pipe(False), context.Event()
        child = context.Process(target=work, args=(ends[end], ready))
        child.start()
        ends[end].close()
        assert ready.wait(30)
        until = time.monotonic() + chance.random() * 0.05
        while time.monotonic() < until:
            if killed == "receiver":
                ends[1].send(ndshm.array([1, 2]))
            elif ends[0].poll(0.001):
                assert ends[0].recv().tolist() == [1, 2]
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        ends[1 - end].close()
    time.sleep(0.35)
    ndshm.prune()
    assert names() == before


def test_pipes_and_the_same_array_twice():
    mine, yours = multiprocessing.Pipe()
    array = ndshm.array([1, 2])
    mine.send([array, array[1:]])
    mine.send(array)
    first, second, third = *yours.recv(), yours.recv()
    first[1] = 7
    assert [array[1], second[0], third[1]] == [7, 7, 7]


def test_a_child_sends_what_it_inherited():
    global KEPT
    KEPT = [ndshm.array([1, 2, 3])]
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    children = [context.Process(target=inherited, args=(queue,)) for _ in range(3)]
    for child in children:
        child.start()
    got = [queue.get() for _ in children]
    for child in children:
        child.join()
    KEPT[0][0] = 9
    assert [array.tolist() for array in got] == [[9, 2, 3]] * 3
    KEPT = None


def test_an_unsent_array_leaves_nothing(python):
    before = set(os.listdir("/dev/shm"))
    done = python("import os\na = ndshm.zeros(1000)\nos.kill(os.getpid(), 9)", check=False)
    assert done.returncode == -signal.SIGKILL
    assert not {name for name in set(os.listdir("/dev/shm")) - before if name.startswith("ndshm.anon")}


def test_no_warnings_at_exit(python):
    assert python("""
        import multiprocessing, warnings
        pool = multiprocessing.get_context("fork").Pool(2)
        a = ndshm.array(np.arange(4))
        print(sum(int(part.sum()) for part in pool.map(np.copy, [a, a[1:]])))
        pool.close(); pool.join()
    """) == "12\n"


@pytest.mark.parametrize("early", [True, False])
def test_joblib(early, python):
    pytest.importorskip("joblib")
    first, second = ("import joblib", "") if early else ("", "import joblib")
    program = f"""
        import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
        {first}
        from ndshm._owner import owner_of
        a = ndshm.zeros(400_000)
        {second}
        from test_send import double, increase
        with joblib.parallel_config("loky", n_jobs=2):
            joblib.Parallel()(joblib.delayed(increase)(part) for part in (a, a[:10]))
            out = joblib.Parallel()(joblib.delayed(double)(a) for _ in range(2))
        print(a[0], a[-1], [(part[0], owner_of(part) is not None) for part in out])
    """
    done = python(program, check=False)
    assert done.stdout == "2.0 1.0 [(np.float64(4.0), True), (np.float64(4.0), True)]\n", done.stderr


def test_a_worker_of_loky_that_is_killed(python):
    """While others send and receive: an error that says so, and nothing that prune does not remove."""
    pytest.importorskip("joblib")
    out = python(f"""
        import sys, time; sys.path.insert(0, {str(Path(__file__).parent)!r})
        import gc, joblib
        from joblib.externals.loky import get_reusable_executor
        from joblib.externals.loky.process_executor import TerminatedWorkerError
        from ndshm import _send
        from test_send import end_at, names
        _send.PROMISE_MS = 300
        before, a = names(), ndshm.array(np.arange(400_000.0))
        with joblib.parallel_config("loky", n_jobs=2):
            for _ in range(2):
                try:
                    joblib.Parallel()(joblib.delayed(end_at)(a, number) for number in range(40))
                except TerminatedWorkerError as error:
                    print("SIGKILL" in str(error))
            print([part[1] for part in joblib.Parallel()(joblib.delayed(end_at)(a, 0) for _ in range(2))])
        del a
        get_reusable_executor().shutdown(wait=True)  # idle workers keep what they had last
        gc.collect()
        time.sleep(0.4)
        ndshm.prune()
        print(names() - before)
    """, check=False)
    assert out.stdout == "True\nTrue\n[np.float64(1.0), np.float64(1.0)]\nset()\n", out.stderr


def end_at(array, number):
    """A result that is shared, but of the twentieth."""
    _send.PROMISE_MS = 300
    if number == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return ndshm.array(array + number)


@pytest.mark.parametrize("program", ["queue", "pool"])
def test_the_classic_programs(program, folder):
    h5py, random_numbers = pytest.importorskip("h5py"), random.Random(7)
    paths = [folder / f"{name}.tsv" for name in "abc"]
    for path in paths:
        path.write_text("".join(f"chr{i % 5}\t{i}\t{random_numbers.random():.4f}\n" for i in range(2000)))
    found = []
    for form in ("old", "new"):
        output = folder / f"{form}.h5"
        path = PACKAGE / "examples" / "classic" / f"{program}_{form}.py"
        done = subprocess.run([sys.executable, "-B", str(path), str(output), *map(str, paths)], capture_output=True,
                              text=True,
                              timeout=60, check=True,
                              env={**os.environ, "PYTHONPATH": "" if not PATH else str(PACKAGE)})
        if form == "new":
            assert done.stderr == ""  # the old form's tracker complains
        with h5py.File(output) as file:
            found.append({key: file[key][()] for key in file})
    assert sorted(found[0]) == sorted(found[1]) == ["a", "b", "c"]
    for key, table in found[0].items():
        assert found[1][key].dtype == table.dtype
        np.testing.assert_array_equal(found[1][key], table)
