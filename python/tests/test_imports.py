"""`import ndshm` is little more than NumPy's; multiprocessing, loky and joblib are told of arrays whenever they come."""

import subprocess
import sys
import textwrap

import pytest
from conftest import PATH

import ndshm

# What takes long to import, and is needed by few.
HEAVY = {"multiprocessing", "concurrent", "socket", "logging", "dataclasses", "uuid", "bz2", "lzma", "gzip", "importlib.abc"}


def run(code, *arguments):
    """What a program prints that imports everything itself."""
    program = PATH + "import sys\n" + textwrap.dedent(code)
    done = subprocess.run([sys.executable, "-B", "-c", program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_import_is_numpys():
    new = run("""
        import __future__, atexit, importlib, pickle, typing, numpy
        before = set(sys.modules)
        import ndshm
        print(*sorted(set(sys.modules) - before))
    """)
    assert new.split() == ["ndshm", "ndshm._hooks", "ndshm._leave"]


@pytest.mark.parametrize("job", ["ndshm.loadtxt(sys.argv[1])", "ndshm.attach(sys.argv[2]).array.sum()", "ndshm.zeros(3)"])
def test_what_is_not_needed_is_not_imported(job, folder, name):
    (folder / "t.txt").write_text("1 2\n3 4\n")
    made = ndshm.create(name, 3).publish()
    new = run(f"""
        import numpy
        before = set(sys.modules)
        import ndshm
        {job}
        print(*sorted(set(sys.modules) - before))
    """, folder / "t.txt", made.name)
    assert not {found for found in new.split() if found in HEAVY or found.partition(".")[0] in HEAVY}


def test_names():
    assert set(ndshm.__all__) <= set(dir(ndshm))
    found = {}
    exec("from ndshm import *", found)
    assert {name: found[name] for name in ndshm.__all__} == {name: getattr(ndshm, name) for name in ndshm.__all__}
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        ndshm.nothing  # noqa: B018
    assert run("import ndshm\nprint(*sorted(set(dir(ndshm)) & set(ndshm.__all__)))").split() == sorted(ndshm.__all__)


ORDERS = {
    "multiprocessing first": "import multiprocessing.reduction, multiprocessing.util, ndshm; a = ndshm.array([1, 2])",
    "ndshm first": "import ndshm, multiprocessing.reduction; a = ndshm.array([1, 2])",
    "an array first": "import ndshm; a = ndshm.array([1, 2])",
    "a second time": """
        import ndshm, multiprocessing.reduction
        del sys.modules["multiprocessing.reduction"]
        a = ndshm.array([1, 2])
    """,
    "again": """
        import importlib, ndshm, multiprocessing.reduction
        importlib.reload(multiprocessing.reduction)
        a = ndshm.array([1, 2])
    """,
    # It is being imported by another thread.
    "half of it first": """
        import importlib.util, multiprocessing
        spec = importlib.util.find_spec("multiprocessing.reduction")
        half = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        import ndshm
        spec.loader.exec_module(half)
        a = ndshm.array([1, 2])
    """,
    "no finder": """
        import ndshm
        sys.meta_path.pop(0)
        import multiprocessing.reduction
        a = ndshm.array([1, 2])
    """,
}


@pytest.mark.parametrize("order", ORDERS)
def test_arrays_are_sent_by_name_whatever_comes_first(order):
    assert run(textwrap.dedent(ORDERS[order]) + textwrap.dedent("""
        import pickle
        from multiprocessing.reduction import ForkingPickler
        from ndshm._owner import owner_of
        b = pickle.loads(ForkingPickler.dumps(a))
        b[0] = 7
        print(a, owner_of(b) is not None)
        print(pickle.loads(ForkingPickler.dumps(a * 2)))
    """)) == "[7 2] True\n[14  4]\n"


def test_modules_are_as_without_us():
    assert run("""
        import ndshm, inspect, multiprocessing.reduction, multiprocessing.util
        for module in (multiprocessing.reduction, multiprocessing.util):
            spec = module.__spec__
            print(type(module.__loader__).__name__, type(spec.loader).__name__, spec.origin == module.__file__)
        print(inspect.getsource(multiprocessing.reduction).startswith("#"))
    """) == "SourceFileLoader SourceFileLoader True\n" * 2 + "True\n"


@pytest.mark.parametrize("first", ["import ndshm", "import multiprocessing.util, ndshm"])
@pytest.mark.parametrize("child", ["os.fork()", "multiprocessing.get_context('fork').Process(target=work).start()"])
def test_nothing_is_left_whatever_comes_first(first, child):
    """Of a process that has sent an array, nor of its child, which sends another."""
    names = run(f"""
        {first}
        import atexit, os, pickle

        def send():
            global a, b
            a = ndshm.zeros(3)
            from multiprocessing.reduction import ForkingPickler
            b = pickle.loads(ForkingPickler.dumps(a))
            from ndshm._owner import owner_of
            os.write(1, (owner_of(a).name + " ").encode())

        def work():
            send()

        send()
        import multiprocessing
        child = {child}
        if child == 0:
            send()
        elif child:
            os.waitpid(child, 0)
    """).split()
    assert len(names) == 2
    assert not set(names) & {found.name for found in ndshm.ls()}


def test_nothing_is_left_without_multiprocessing(name):
    assert run("""
        import ctypes, ndshm
        made = ndshm.create(sys.argv[1], 3).publish()
        array = made.array
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(array))  # nobody frees it
        print("multiprocessing" in sys.modules, ndshm.info(sys.argv[1]).attached)
    """, name) == "False True\n"
    assert name not in {found.name for found in ndshm.ls()}


@pytest.mark.parametrize("first", ["import ndshm", "import multiprocessing.util, ndshm"])
def test_a_queue_is_sent_before_the_end(first):
    """What still waits in a queue's thread when the program ends is sent by name."""
    assert run(f"""
        {first}
        import multiprocessing, time

        def work(queue):
            from ndshm._owner import owner_of
            time.sleep(0.3)  # the program is at its end
            queue.get()
            print([owner_of(queue.get()) is not None for _ in range(3)])

        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        context.Process(target=work, args=(queue,)).start()
        queue.put(bytes(1_000_000))  # fills the pipe
        for _ in range(3):
            queue.put(ndshm.zeros(100_000))
    """) == "[True, True, True]\n"


def test_another_joblib_is_left_alone(folder):
    """One that has something else: arrays are copied, as everywhere where nobody was told."""
    package = folder / "joblib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_memmapping_reducer.py").write_text("here = 1\n")
    assert run("""
        sys.path.insert(0, sys.argv[1])
        import ndshm
        from joblib import _memmapping_reducer
        print(_memmapping_reducer.here)
    """, folder) == "1\n"


def test_threads_use_it_for_the_first_time_at_once():
    assert run("""
        import threading, ndshm
        go, out = threading.Barrier(8), []

        def work(name):
            go.wait()
            out.append(callable(getattr(ndshm, name)))

        names = ["zeros", "loadtxt", "attach", "convert", "Pool", "info", "join", "TextError"]
        threads = [threading.Thread(target=work, args=(name,)) for name in names]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        print(out)
    """) == f"{[True] * 8}\n"
