#!/usr/bin/env python3
"""Times `ndshm convert` beside what people use today: text tables -> one HDF5 file.

    compare.py [--scale 0.1] [--only meth,grid] [--recipes ndshm,pyarrow] [--runs 5]
               [--ndshm [NAME=]PATH]... [--write docs/performance.md] [--json FILE]
    compare.py --gzip ...

Timed is the whole process, from exec to exit, with the tables in the page cache and the
output on a disk file system. The recipes take turns (A B C, A B C, ...), so that a slow
minute of the machine falls on all of them. Before anything is timed, one run of each is
compared with the exact values, bit by bit; a wrong result is not timed. Standard library
only; the recipes need requirements.txt, and one whose library is missing is left out.
With --gzip the files are compressed, and their sizes are compared, too.
Tables that are missing are written first, by make_data.py.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from workloads import WORKLOADS, folder_for

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
RECIPES = ["numpy-mp", "pandas", "pandas-mp", "polars", "polars-mp", "pyarrow", "pyarrow-mp"]
TITLES = {
    "numpy-mp": "np.loadtxt + SharedMemory + queue + h5py, one process per file",
    "pandas": "pandas + h5py",
    "pandas-mp": "pandas + SharedMemory + queue + h5py, one process per file",
    "polars": "polars + h5py, threads",
    "polars-mp": "polars + SharedMemory + queue + h5py, one process per file",
    "pyarrow": "pyarrow + h5py, threads",
    "pyarrow-mp": "pyarrow + SharedMemory + queue + h5py, one process per file",
    "polars-gzip": "polars + h5py, its gzip 4 and shuffle",
    "polars-zlib": "polars + zlib 4 in threads + h5py, write_direct_chunk",
    "polars-isal": "polars + isal 3 in threads + h5py, write_direct_chunk",
}
PACKED = ["polars-gzip", "polars-zlib", "polars-isal"]
# What ndshm is asked for beside the rest, with --gzip.
STORAGE = {"": ["--compress", "gzip:4"], " --layout columns": ["--compress", "gzip:4", "--layout", "columns"]}
BEGIN, END = "<!-- {} benchmark: begin -->", "<!-- {} benchmark: end -->"
MOST_ULP = 1  # a peer that is off by this much in the last place is timed, with a note


# ------------------------------------------------------------------ one timed process


def busy_seconds():
    """CPU seconds that all processors have been busy since the machine started."""
    with open("/proc/stat", encoding="ascii") as f:
        user, nice, system, _, _, irq, softirq = map(int, f.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def timed(command):
    """Runs a command: wall and CPU seconds, peak memory, what others used meanwhile."""
    before, start = busy_seconds(), time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    words = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    others = max(0.0, busy_seconds() - before - cpu) / max(wall, 0.02)
    if process.returncode != 0:
        raise RuntimeError(words.decode(errors="replace").strip()[-400:] or f"exit status {process.returncode}")
    return {"wall": wall, "cpu": cpu, "peak_mb": used.ru_maxrss / 1024, "others": others}


def remove(path):
    if os.path.exists(path):
        os.unlink(path)


def warm(paths):
    """Reads the tables once, so that they are in the page cache."""
    for path in paths:
        with open(path, "rb", buffering=0) as f:
            while f.read(1 << 22):
                pass


def python(script, *words):
    return [sys.executable, "-B", os.path.join(HERE, script), *words]


def ask(script, *words):
    """Runs one of our scripts that prints JSON."""
    return json.loads(subprocess.run(python(script, *words), check=True, stdout=subprocess.PIPE).stdout)


# ------------------------------------------------------------------ what to time


def ndshm_command(binary, work, folder, out):
    return [binary, "convert", *work.paths(folder), "-o", out,
            "--dtype", work.dtype_text(), "--delimiter", work.delimiter]


def ndshm_commands(args, name, binary, work, folder, out):
    command = ndshm_command(binary, work, folder, out)
    if not args.gzip:
        return {name: command}
    # A table without fields has no columns that could be datasets.
    return {name + more: command + options for more, options in STORAGE.items() if work.fields or not more}


def commands(args, key, folder, out):
    """Name -> command, in the order of the turns."""
    work, chosen = WORKLOADS[key], {}
    for recipe in args.recipes:
        if recipe == "ndshm":
            for name, binary in args.binaries.items():
                chosen.update(ndshm_commands(args, name, binary, work, folder, out))
        elif recipe == "numpy-mp" or len(work.files) > 1 or not recipe.endswith("-mp"):
            chosen[recipe] = python("recipes.py", "run", recipe, key, folder, out)
    return chosen


def verified(name, command, key, folder, out, notes):
    """Runs once (this is the warm-up) and compares the result. Whether it may be timed."""
    remove(out)
    try:
        timed(command)
        result = ask("recipes.py", "verify", key, folder, out)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        result = {"fault": str(error)}
    remove(out)
    if result.get("fault"):
        notes.append(f"{key}, {name}: not timed: {result['fault']}")
        return False
    if result["different"]:
        notes.append(f"{key}, {name}: {result['different']} values differ by up to {result['ulp']} in the last place")
    return result["different"] == 0 or (name in TITLES and result["ulp"] <= MOST_ULP)


def measure(args, key, notes):
    """Name -> list of runs, taken in turns."""
    folder = args.folder or folder_for(args.scale)
    out = os.path.join(args.out, f"compare-{os.getpid()}.h5")
    warm(WORKLOADS[key].paths(folder))
    todo = commands(args, key, folder, out)
    todo = {name: c for name, c in todo.items() if verified(name, c, key, folder, out, notes)}
    runs = {name: [] for name in todo}
    for number in range(args.warmup + args.runs):
        for name, command in todo.items():
            try:
                result = timed(command)
                result["file_mb"] = os.path.getsize(out) / 1e6
            finally:
                remove(out)
            if number >= args.warmup:
                runs[name].append(result)
            print(f"{key} {number - args.warmup + 1:2d} {name:12s} {result['wall']:8.3f} s", file=sys.stderr, flush=True)
    return runs


# ------------------------------------------------------------------ the report


def machine_line(args, versions):
    """One line: processor, cores, memory, kernel, file system, versions."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), model)
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    cores = len(os.sched_getaffinity(0))
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (f"{model}, {cores} cores, {gib:.0f} GiB, Linux {platform.release()}, output on {file_system(args.out)}; "
            f"{ndshm_versions(args)}{named}")


def ndshm_versions(args):
    out = ""
    for name, binary in args.binaries.items():
        if "ndshm" in args.recipes:
            done = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False)
            words = done.stdout.split() if done.returncode == 0 else []
            out += f"{name} {words[-1] if words else '(no version)'}, "
    return out


def file_system(folder):
    """Type of the file system that a folder is on."""
    best = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8") as f:
        for line in f:
            _, point, kind, *_ = line.split()
            inside = folder == point or folder.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best[0]):
                best = (point, kind)
    return best[1]


def table(args, key, runs):
    """One workload as Markdown."""
    work, folder = WORKLOADS[key], args.folder or folder_for(args.scale)
    megabytes = sum(os.path.getsize(p) for p in work.paths(folder)) / 1e6
    rows = len(work.files) * max(1, round(work.rows * args.scale))
    medians = {name: statistics.median(r["wall"] for r in rs) for name, rs in runs.items()}
    base = next((medians[n] for n in args.binaries if n in medians), None)
    lines = [f"**{work.title}**: {len(work.files)} file{'s' * (len(work.files) > 1)}, {rows:,} rows of "
             f"{work.columns} columns, {megabytes:,.0f} MB of text", "",
             "| | median s | fastest s | MB/s | CPU s | largest process MB | file MB | time / ndshm |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name, median in sorted(medians.items(), key=lambda item: item[1]):
        rs = runs[name]
        cpu, peak = (statistics.median(r[k] for r in rs) for k in ("cpu", "peak_mb"))
        ratio = f"{median / base:.2f}" if base else "-"
        own, _, more = name.partition(" ")
        title = TITLES.get(name, f"**{own} convert**" + (f" {more}" if more else ""))
        size = statistics.median(r["file_mb"] for r in rs)
        lines.append(f"| {title} | {median:.3f} | {min(r['wall'] for r in rs):.3f} | {megabytes / median:,.0f} | "
                     f"{cpu:.2f} | {peak:.0f} | {size:.1f} | {ratio} |")
    return "\n".join(lines) + "\n"


def report(args, results, notes, versions):
    """The whole text, as it stands between the markers."""
    runs = [r for rs in results.values() for each in rs.values() for r in each]
    others = statistics.median(r["others"] for r in runs) if runs else 0.0
    parts = [machine_line(args, versions) + ".", "",
             f"Median of {args.runs} runs taken in turns, whole processes, tables in the page cache; "
             f"other programs used {others:.2f} processors meanwhile (median).", ""]
    parts += [table(args, key, rs) for key, rs in results.items() if rs]
    parts += [f"- {note}" for note in notes]
    return "\n".join(parts).rstrip() + "\n"


def write_between_markers(path, text, what):
    begin, end = BEGIN.format(what), END.format(what)
    with open(path, encoding="utf-8") as f:
        old = f.read()
    if begin not in old or end not in old:
        sys.exit(f"{path}: has no lines {begin} and {end} to write between")
    head, tail = old.split(begin, 1)[0], old.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{head}{begin}\n\n{text}\n{end}{tail}")


# ------------------------------------------------------------------ command line


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="rows, as a share of the full size (default 1)")
    parser.add_argument("--only", default=",".join(WORKLOADS), help="workloads, separated by commas")
    parser.add_argument("--gzip", action="store_true", help="compressed files")
    parser.add_argument("--recipes", help="what to time, separated by commas (default: all)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=0, help="untimed rounds beside the one that is verified")
    parser.add_argument("--ndshm", action="append", help="[NAME=]PATH of the command; may be given more than once")
    parser.add_argument("--folder", help="the tables (default target/bench-data/scale-SCALE)")
    parser.add_argument("--out", default=os.path.join(ROOT, "target", "bench-out"), help="folder for the HDF5 files")
    parser.add_argument("--write", metavar="FILE.md", help="write the report between the markers of this file")
    parser.add_argument("--json", metavar="FILE", help="write every single run")
    args = parser.parse_args()
    peers = PACKED if args.gzip else RECIPES
    args.only = args.only.split(",")
    args.recipes = args.recipes.split(",") if args.recipes else [*peers, "ndshm"]
    unknown = (set(args.only) - set(WORKLOADS)) | (set(args.recipes) - set(peers) - {"ndshm"})
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)} "
                     f"and {', '.join(peers)}, ndshm")
    given = args.ndshm or [os.path.join(ROOT, "target", "release", "ndshm")]
    args.binaries = dict(g.split("=", 1) if "=" in g else ("ndshm", g) for g in given)
    args.out = os.path.realpath(args.out)
    return args


def leave_out_missing(args, versions, notes):
    """Drops what is not installed or not built, and says so."""
    needs = {"polars-isal": "isal"}
    missing = [r for r in args.recipes if r != "ndshm" and not {r.split("-")[0], needs.get(r, "numpy")} <= set(versions)]
    missing += [n for n, path in args.binaries.items() if "ndshm" in args.recipes and not os.path.exists(path)]
    for name in missing:
        notes.append(f"{name}: left out, it is not {'installed' if name in TITLES else 'built'}")
    args.recipes = [r for r in args.recipes if r not in missing]
    args.binaries = {n: p for n, p in args.binaries.items() if n not in missing}


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    if file_system(args.out) in ("tmpfs", "ramfs"):
        sys.exit(f"{args.out} is in memory: name a folder on a disk with --out")
    notes, versions = [], ask("recipes.py", "versions")
    leave_out_missing(args, versions, notes)
    if not args.folder:
        subprocess.run(python("make_data.py", "--scale", str(args.scale), "--only", ",".join(args.only)), check=True,
                       stdout=sys.stderr)
    results = {key: measure(args, key, notes) for key in args.only}
    text = report(args, results, notes, versions)
    print(text)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump({"scale": args.scale, "versions": versions, "results": results, "notes": notes}, f, indent=1)
    if args.write:
        write_between_markers(args.write, text, "compressed" if args.gzip else "pipeline")
    wrong = [n for n in notes if any(f", {b}" in n for b in args.binaries)]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
