"""Who keeps the memory: arrays outlive handles, and nothing that ends in any order is a crash."""

import gc
import itertools
import os
import signal
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest
from conftest import PATH, Child

import ndshm


def inode(name):
    """What the mappings of a segment have in common: the name they have may be another."""
    return os.stat(f"/dev/shm/ndshm.{name}").st_ino


def mapped(number, collect=True):
    """Whether this process has the object mapped."""
    if collect:
        gc.collect()
    with open("/proc/self/maps") as maps:
        return any(line.split()[4] == str(number) for line in maps)


def test_a_view_outlives_the_handle(name):
    with ndshm.create(name, (4, 2), "i4").publish() as made:
        made.array[:] = 3
        number = inode(name)
        column = made.array[:, 1]
    assert mapped(number)
    assert ndshm.info(name).holders == 1
    assert column.tolist() == [3] * 4
    del column
    assert not mapped(number)
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)


def test_every_order_of_deleting(name):
    parts = ["handle", "array", "view", "field", "memory", "seen"]
    for order in itertools.islice(itertools.permutations(parts), 0, None, 7):
        made = ndshm.create(name, 4, "i4,f4").publish()
        number = inode(name)
        seen = ndshm.attach(name)
        live = {"handle": made, "array": made.array, "view": made.array[1:], "field": made.array["f1"],
                "memory": memoryview(made.array), "seen": seen.array}
        made.close() if order[0] == "handle" else None
        del made, seen
        for part in order:
            assert all(np.asarray(value).tolist() is not None for key, value in live.items() if key != "handle")
            del live[part]
        assert not mapped(number, collect=False)


def test_handles_in_cycles_are_collected(name):
    class Holder:
        pass

    a, b = Holder(), Holder()
    a.other, b.other, a.made = b, a, ndshm.create(name, 3).publish()
    number = inode(name)
    b.array = a.made.array
    gone = weakref.ref(a)
    del a, b
    gc.collect()
    assert gone() is None
    assert not mapped(number)


def test_threads_share_and_drop_arrays(name):
    made = ndshm.create(name, 1000, "i8").publish()
    number = inode(name)

    def work():
        for _ in range(200):
            with ndshm.attach(name, "r+") as seen:
                seen.array[::100] += 0
            view = made.array[5:]
            del view

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made.holders == 1
    made.close()
    assert not mapped(number)


ENDS = {
    "globals": "keep = ndshm.attach(name); array = keep.array; view = array[1:]",
    "a module": "sys.modules['later'] = ndshm.attach(name).array",
    "a cycle": "a = []; a.append(a); a.append(ndshm.attach(name)); a.append(a[1].array)",
    "atexit": "import atexit; a = ndshm.attach(name).array; atexit.register(lambda: print(a.sum()))",
    "a destructor": "class D:\n def __del__(self): self.a[0], self.a[1:]\nd = D(); d.a = ndshm.attach(name).array",
    "a thread": "import threading, time; a = ndshm.attach(name).array\n"
                "def f():\n while True: a.sum()\nthreading.Thread(target=f, daemon=True).start(); time.sleep(.05)",
    "an exception": "a = ndshm.attach(name).array\ntry: a['x']\nexcept IndexError as e: kept = e",
    "no import": "a = ndshm.attach(name).array; del ndshm; sys.modules.pop('ndshm')",
    "exit in a function": "def f():\n a = ndshm.attach(name).array; sys.exit()\nf()",
}


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_process(end, name, python):
    made = ndshm.create(name, 1000).publish()
    python("name = sys.argv[1]\n" + ENDS[end], name)
    assert ndshm.info(name).attached
    made.close()
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)


@pytest.mark.parametrize("end", ["globals", "a cycle", "atexit", "a destructor", "an exception", "exit in a function"])
def test_the_last_process_takes_the_name_with_it(end, name, python):
    python("name = sys.argv[1]; made = ndshm.create(name, 1000).publish()\n" + ENDS[end], name)
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)


def test_a_forked_child_may_do_as_it_likes(name):
    made = ndshm.create(name, 4, "i4").publish()
    view = made.array[1:]
    child = os.fork()
    if child == 0:
        try:
            view[:] = 5
            del view
            made.close()
            seen = ndshm.attach(name)
            os._exit(0 if seen.array.tolist() == [0, 5, 5, 5] else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert made.array.tolist() == [0, 5, 5, 5]
    assert ndshm.info(name).attached


def test_subinterpreters(python):
    python("""
        try:
            import _xxsubinterpreters as sub
        except ImportError:
            try:
                import _interpreters as sub
            except ImportError:
                sys.exit()
        made = sub.create()
        code = "import sys, warnings; warnings.simplefilter('ignore'); sys.path[:] = %r\\n" % sys.path
        code += "try:\\n import ndshm\\nexcept ImportError: pass\\nelse: a = ndshm.zeros(9); b = a[1:]"
        sub.run_string(made, code)
        sub.destroy(made)
        print(ndshm.zeros(3).sum())
    """)


def test_a_killed_process_leaves_nothing_that_stays(name):
    code = PATH + f"import ndshm, time; t = ndshm.attach({name!r}); " \
           "print(t.array.sum(), flush=True); time.sleep(60)"
    made = ndshm.create(name, 4).publish()
    with Child([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        child.send_signal(signal.SIGKILL)
    made.close()
    with pytest.raises(ndshm.NotFoundError):
        ndshm.info(name)


def test_what_is_left_is_not_detached_a_second_time(name, python):
    """Threads may drop arrays while the end of the process leaves them: whoever comes first has the handle."""
    out = python("""
        from ndshm import _owner
        ndshm.create(sys.argv[1], 3, policy="persist").publish()
        calls, owners = [], [ndshm.attach(sys.argv[1]).owner for _ in range(2)]
        detach = owners[0].detach
        for owner in owners:
            owner.detach = lambda handle: calls.append(detach(handle))
        del owner, owners[0]
        print(calls, ndshm.info(sys.argv[1]).holders, len(_owner.HELD))
        _owner.leave()
        owners.clear()
        print(calls, ndshm.info(sys.argv[1]).holders, len(_owner.HELD))
    """, name)
    assert out == "[0] 1 1\n[0] 0 0\n"
