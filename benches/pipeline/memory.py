"""Peak memory of a process and all that it starts. Standard library only.

The sum of Pss over the tree: a page that several share is counted once. Shared memory that none of them has mapped
(an output that was written through its descriptor) counts, too: what the machine's shared memory has grown by, beyond
what is mapped. It is looked at every two milliseconds, in a run of its own, which is not timed.
"""
import os
import signal
import subprocess
import tempfile
import time

from .process import why

EVERY = 0.002


def shared_kb():
    """Shared memory of the whole machine."""
    with open("/proc/meminfo", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("Shmem:"))


def pss_kb(pid):
    """(all, of it shared memory) of a process; nothing if it is gone."""
    whole = shared = 0
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            for line in f:
                if line.startswith("Pss:"):
                    whole = int(line.split()[1])
                elif line.startswith("Pss_Shmem:"):
                    shared = int(line.split()[1])
    except OSError:
        pass
    return whole, shared


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found += [int(word) for word in f.read().split()]
    except OSError:
        pass
    return found


def tree(pid):
    out, todo = [], [pid]
    while todo:
        pid = todo.pop()
        out.append(pid)
        todo += children(pid)
    return out


def tree_kb(pid, before):
    """Of the tree, with the shared memory that has come since there were `before` kB."""
    each = [pss_kb(p) for p in tree(pid)]
    mapped = sum(shared for _, shared in each)
    return sum(whole for whole, _ in each) + max(0, shared_kb() - before - mapped)


def peak_mb(command, env=None, limit=600.0):
    """Runs a command and returns its peak; an error if it fails or takes too long."""
    before, peak, late, start = shared_kb(), 0, False, time.perf_counter()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                   start_new_session=True)
        try:
            while process.poll() is None:
                peak = max(peak, tree_kb(process.pid, before))
                late = time.perf_counter() - start > limit
                if late:
                    break
                time.sleep(EVERY)
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            errors.seek(0)
            raise RuntimeError(why(process.returncode, errors.read().decode(errors="replace"), late, limit))
    return peak * 1024 / 1e6
