"""One process: timed, or asked for what it prints. Standard library only."""
import json
import os
import signal
import subprocess
import tempfile
import threading
import time

from .machine import busy_seconds


def last_json(text):
    """The object in the last line that is one."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    return {}


def timed(command, env=None, limit=600.0):
    """Runs a command: wall and CPU seconds, largest process, what others used meanwhile, and what it printed as JSON."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        before, start = busy_seconds(), time.perf_counter()
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=errors,
                                   start_new_session=True)
        late = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            late.cancel()
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu = used.ru_utime + used.ru_stime
        # The kernel counts busy time in ticks, so a short run shows more or less than there was.
        others = max(0.0, busy_seconds() - before - cpu) / max(wall, 0.02)
        out.seek(0)
        errors.seek(0)
        printed, words = (f.read().decode(errors="replace") for f in (out, errors))
    if process.returncode != 0:
        raise RuntimeError(why(process.returncode, words, wall >= limit, limit))
    inside = {k: round(v, 6) for k, v in last_json(printed).items() if isinstance(v, (int, float))}
    return {"wall": round(wall, 6), "cpu": round(cpu, 6), "largest_mb": round(used.ru_maxrss * 1024 / 1e6, 1),
            "others": round(others, 3), **inside}


def why(status, words, late, limit):
    """A failure in some words: the last line of what it said."""
    if late:
        return f"took longer than {limit:.0f} s"
    said = next((line for line in reversed(words.strip().splitlines()) if line.strip()), "")
    return (said.strip() or (f"ended by signal {-status}" if status < 0 else f"exit status {status}"))[:200]


def ask(command, env=None, limit=600.0):
    """What a process of ours prints as JSON; an error if it fails."""
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"took longer than {limit:.0f} s") from error
    if done.returncode:
        raise RuntimeError(why(done.returncode, done.stderr, False, limit))
    return last_json(done.stdout)
