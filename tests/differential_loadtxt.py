#!/usr/bin/env python3
"""Random tables and parameters through `ndshm.loadtxt` and `np.loadtxt`, which must agree.

    differential_loadtxt.py [--cases 20000] [--seed 1] [--jobs 2] [--reader ndshm]
    differential_loadtxt.py --seed 1 --case 123          one case again, in words

Both must give the same array (dtype, shape, every byte), or the same class of exception with the
same message. Pieces of work are of 1 to 64 bytes for 1 to 4 workers, so that every border falls
everywhere. What differs on purpose is in `ON_PURPOSE`, each with the rule that recognises it;
nothing else is excused. The run also fails if a parameter, a kind of type or a class of error was
tried less than --least times.

A failing case is made smaller, and printed as a script. The last line says how many passed.
"""
import argparse
import collections
import importlib
import json
import mmap
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path[:0] = [HERE, os.path.join(HERE, "..", "python")]
import loadtxt_compare  # noqa: E402
import loadtxt_counts  # noqa: E402
import numpy  # noqa: E402
from loadtxt_cases import make_case  # noqa: E402
from loadtxt_regressions import REGRESSIONS  # noqa: E402

# Seconds for one case, far more than it takes.
TIMEOUT = 60


def reader(name):
    """The function under test: a module's, or a mutant of NumPy's (for testing this test)."""
    if name.startswith("mutant:"):
        return importlib.import_module("loadtxt_mutants").MUTANTS[name.partition(":")[2]]
    module = importlib.import_module(name)
    return loadtxt_compare.without_parallel(module.loadtxt) if name == "numpy" else module.loadtxt


def run_part(args):
    """A child: every `--jobs`-th case, told on stdout line by line."""
    place = mmap.mmap(os.open(args.place, os.O_RDWR), 8)
    function, tried = reader(args.reader), collections.Counter()
    with tempfile.TemporaryDirectory(prefix="ndshm-loadtxt-") as folder:
        for name, case in REGRESSIONS.items() if args.start == 0 else ():
            fault = loadtxt_compare.compare(case, function, folder)[1]
            if fault:
                say(number=name, fault=fault, script=loadtxt_compare.script(case))
        for number in range(args.start, args.cases, args.jobs):
            place[:] = number.to_bytes(8, "little")
            case = make_case(args.seed, number)
            what, fault = loadtxt_compare.compare(case, function, folder)
            tried.update(loadtxt_counts.features(case))
            tried.update("outcome: " + part for part in what.split("; "))
            if tried.total() > 20000:
                say(tried=tried)
                tried.clear()
            if fault:
                if not args.no_shrink:
                    case = loadtxt_compare.shrink(case, function, folder, what)
                    fault = loadtxt_compare.compare(case, function, folder)[1] or fault
                say(number=number, fault=f"{what}: {fault}", script=loadtxt_compare.script(case))
                if args.first:
                    break
    say(tried=tried, done=True)


def say(**what):
    print(json.dumps(what), flush=True)


class Part:
    """A child process and what it has said. One that dies or hangs is started again behind the case."""

    def __init__(self, args, start):
        self.args, self.start, self.done = args, start, False
        handle, self.place = tempfile.mkstemp(prefix="ndshm-loadtxt-place-")
        os.write(handle, (start).to_bytes(8, "little"))
        os.close(handle)
        self.run()

    def run(self):
        given = self.args
        command = [sys.executable, os.path.abspath(__file__), "--part", "--start", str(self.start), "--place", self.place,
                   "--cases", str(given.cases), "--seed", str(given.seed), "--jobs", str(given.jobs), "--reader", given.reader]
        command += ["--first"] * given.first + ["--no-shrink"] * given.no_shrink
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdout=self.output, stdin=subprocess.DEVNULL)
        self.last, self.since = None, time.monotonic()

    def at(self):
        with open(self.place, "rb") as f:
            return int.from_bytes(f.read(8), "little")

    def poll(self):
        """What it said since, when it has ended; nothing while it runs."""
        now = self.at()
        if now != self.last:
            self.last, self.since = now, time.monotonic()
        hung = time.monotonic() - self.since > TIMEOUT
        if hung:
            self.process.kill()
        if self.process.poll() is None and not hung:
            return []
        self.process.wait()
        self.output.seek(0)
        said = [json.loads(line) for line in self.output if line.startswith("{") and line.endswith("}\n")]
        if any("done" in line for line in said):
            self.done = True
            os.unlink(self.place)
        else:
            how = f"did not end in {TIMEOUT} s" if hung else f"ended by {ended(self.process.returncode)}"
            said.append({"number": now, "fault": how, "script": loadtxt_compare.script(make_case(self.args.seed, now))})
            self.start = now + self.args.jobs
            self.run()
        return said


def ended(status):
    return signal.Signals(-status).name if status < 0 else f"status {status}"


def segments():
    return {n for n in os.listdir("/dev/shm") if "ndshm" in n} if os.path.isdir("/dev/shm") else set()


def run_all(args):
    """(failures, what was tried)"""
    parts, tried, failures = [Part(args, start) for start in range(args.jobs)], collections.Counter(), []
    while not all(part.done for part in parts):
        time.sleep(0.05)
        for part in parts:
            for line in [] if part.done else part.poll():
                tried.update(line.get("tried", {}))
                if "fault" in line:
                    failures.append(line["number"])
                    print(f"case {line['number']}: {line['fault']}\n{line['script']}", flush=True)
    return failures, tried


def show_one(args):
    """One case in words; whether it passed."""
    case = make_case(args.seed, args.case)
    print(loadtxt_compare.script(case))
    with tempfile.TemporaryDirectory(prefix="ndshm-loadtxt-") as folder:
        what, fault = loadtxt_compare.compare(case, reader(args.reader), folder)
    print(what, fault or "no fault", sorted(case.tags), sorted(loadtxt_counts.features(case)), sep="\n")
    return not fault


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="this case only")
    parser.add_argument("--reader", default="ndshm", help="module with the loadtxt to test; mutant:NAME for a broken one")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--least", type=int, default=100, help="how often everything is to be tried")
    parser.add_argument("--first", action="store_true", help="stop at the first failure")
    parser.add_argument("--no-shrink", action="store_true", help="show failing tables as they are")
    parser.add_argument("--quiet", action="store_true", help="without the counts")
    for hidden in ("--part", "--start", "--place"):
        parser.add_argument(hidden, help=argparse.SUPPRESS, **({"action": "store_true"} if hidden == "--part" else {}))
    args = parser.parse_args()
    args.start = int(args.start or 0)
    return args


def main():
    args = parse_arguments()
    random.seed(args.seed)
    if args.part:
        return run_part(args)
    if args.case is not None:
        return 0 if show_one(args) else 1
    if not numpy.__version__.startswith("2.4."):
        print(f"skipped: compared with NumPy 2.4, not with {numpy.__version__}")
        return 0
    before = segments()
    failures, tried = run_all(args)
    rare = {} if args.first else loadtxt_counts.rare(tried, args.least)
    left = segments() - before
    if not args.quiet:
        loadtxt_counts.show(tried)
    for name, count in sorted(rare.items()):
        print(f"tried too rarely: {name}: {count}, not {args.least}")
    if left:
        print(f"left in /dev/shm: {sorted(left)}")
    print(f"{args.cases - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or left or rare else 0


if __name__ == "__main__":
    sys.exit(main())
