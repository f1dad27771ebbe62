"""The Rust benches, as `cargo bench` prints them: kernels, files and segments without a command or Python around.

They compare what the library does with bare system calls or with the limits of the same process, take their own
turns, and need no peers. Standard library only.
"""
import subprocess

from . import machine

# Name -> words for cargo.
BENCHES = {
    "parse": ["--bench", "parse"],
    "unpack": ["--bench", "unpack"],
    "load": ["--bench", "load"],
    "segment": ["--bench", "segment", "--no-default-features", "--features", "std"],
    "fill": ["--bench", "fill"],
    "filter": ["--bench", "filter"],
    "file": ["--bench", "file"],
}


def run(cargo, name, limit=1800):
    """What a bench prints, or why there is nothing."""
    command = [*cargo.split(), "bench", "--quiet", *BENCHES[name]]
    try:
        done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, timeout=limit, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return {"state": f"failed: {error}", "output": ""}
    if done.returncode:
        said = done.stderr.strip().splitlines()
        return {"state": f"failed: {said[-1] if said else done.returncode}"[:200], "output": ""}
    return {"state": "ok", "command": "cargo bench " + " ".join(BENCHES[name]), "output": done.stdout.strip("\n")}
