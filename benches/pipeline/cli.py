"""Times ndshm beside what people use today, and writes tables and plots.

    python -m pipeline                      everything at full size, into docs/performance.md and docs/plots
    python -m pipeline --quick              nearly everything with small data, in a minute or two, into target/bench-out
    python -m pipeline --only hdf5,array    some rows; the others stay as they are
    python -m pipeline --from FILE.json     tables and plots again, from what was measured before
"""
import argparse
import os
import signal
import subprocess
import sys

from . import document, machine, native, process, results, rows, tables, turns
from .workloads import MAIN, folder_for, growth_keys, scaled

HANDOFF_MB = 1000
ATTACHES = 2000
QUICK = {"scale": 0.02, "runs": 1, "weigh": 1, "workloads": "meth"}
PATIENCE = 30  # seconds that one run of a growing table may take, before larger ones are left out
LARGE_MB = 500  # growing tables of this size are removed again, and timed at most three times


# ------------------------------------------------------------------ options


def parser():
    out = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__.splitlines()[0])
    add = out.add_argument
    add("--scale", type=float, help="size of all data, as a share of the full one (default 1)")
    add("--runs", type=int, help="timed runs of each (default 5)")
    add("--quick", action="store_true", help="small data, one of the tables, one run of each, no Rust benches")
    add("--only", help=f"rows, separated by commas: {', '.join([*rows.ROWS, *rows.VIEWS])}")
    add("--workloads", help=f"of the tables {', '.join(MAIN)}, those to use (default: all)")
    add("--recipes", help="what to time, separated by commas: ndshm, numpy-mp, polars, ... (default: all)")
    add("--ndshm", action="append", metavar="[NAME=]PATH", help="the command; several are compared with each other")
    add("--library", help="the C library, for Python (default target/lib/libndshm.so, or NDSHM_LIBRARY)")
    add("--folder", help="the tables (default target/bench-data/scale-SCALE); those that are missing are made")
    add("--out", default=os.path.join(machine.ROOT, "target", "bench-out"), help="folder for output, on a disk")
    add("--write", metavar="FILE.md", help="document whose marked places are written (default docs/performance.md if "
                                           "whole rows are measured at full size, else OUT/performance.md)")
    add("--from", dest="source", metavar="FILE.json", help="measure nothing, write what these results say")
    return out


def peers_known():
    return {*rows.WHOLE, *rows.ARRAY, *rows.PACKED, "ndshm"}


def split(words, known, out, what):
    found = words.split(",")
    unknown = [word for word in found if word not in known]
    if unknown:
        out.error(f"no {what} is called {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return found


def arguments(words=None):
    out = parser()
    args = out.parse_args(words)
    args.scale = args.scale or (QUICK["scale"] if args.quick else 1.0)
    args.runs = args.runs or (QUICK["runs"] if args.quick else 5)
    args.weigh = QUICK["weigh"] if args.quick else 2
    args.partial = bool(args.workloads or args.recipes or args.ndshm)
    args.workloads = split(args.workloads or (QUICK["workloads"] if args.quick else ",".join(MAIN)), MAIN, out, "workload")
    args.recipes = split(args.recipes, peers_known(), out, "recipe") if args.recipes else None
    wanted = split(args.only, [*rows.ROWS, *rows.VIEWS], out, "row") if args.only else [
        row for row in rows.ROWS if row != "native" or not args.quick]
    args.rows = [row for row in rows.ROWS if row in wanted or any(row in rows.VIEWS.get(view, ()) for view in wanted)]
    given = args.ndshm or [os.path.join(machine.ROOT, "target", "release", "ndshm")]
    args.binaries = dict(g.split("=", 1) if "=" in g else ("ndshm", g) for g in given)
    built = os.path.join(machine.ROOT, "target", "lib", "libndshm.so")
    args.library = args.library or os.environ.get("NDSHM_LIBRARY") or built
    args.out = os.path.realpath(args.out)
    args.folder = os.path.realpath(args.folder or folder_for(machine.ROOT, args.scale))
    return args


def environment(args):
    """What the timed processes see."""
    places = [os.path.join(machine.ROOT, "benches"), os.path.join(machine.ROOT, "python")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), "NDSHM_LIBRARY": args.library,
            "PYTHONDONTWRITEBYTECODE": "1"}


# ------------------------------------------------------------------ measuring


def warm(paths):
    """Reads the tables once, so that they are in the page cache."""
    for path in paths:
        with open(path, "rb", buffering=0) as f:
            while f.read(1 << 22):
                pass


def make_tables(args, track, key):
    command = [*rows.python("data", "--scale", repr(args.scale), "--only", key, "--folder", args.folder)]
    done = subprocess.run(command, env=track.env, stdout=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"the tables of {key} could not be made: numpy is needed, and room in {args.folder}")


def run_race(args, track, race):
    """Makes what is missing, and times it; the race as the results have it."""
    make_tables(args, track, race.key)
    paths = race.work.paths(args.folder)
    warm(paths)
    size = {"files": len(paths), "rows": len(paths) * race.work.rows, "columns": race.work.columns,
            "text_mb": round(race.work.text_bytes(args.folder) / 1e6, 6)}
    return {**track.run(race), **size}


def run_growth(args, track, made):
    """From the smallest to the largest; what has become too slow, or does not fit, is left out from there on."""
    out, taken = {}, {}
    for key in growth_keys(args.scale):
        megabytes = float(key[len("grow"):])
        os.makedirs(args.folder, exist_ok=True)
        if machine.free_mb(args.folder) < 3 * megabytes or machine.memory_gib() * 1000 < 3 * megabytes:
            track.notes.append(f"growth: {megabytes:g} MB were left out: disk or memory are too small")
            break
        race = made.growth_race(key)
        for name, recipe in race.recipes.items():
            seconds, of_megabytes = taken.get(name, (0, 1))
            if seconds * megabytes / of_megabytes > PATIENCE and megabytes > LARGE_MB:
                recipe.state = f"left out: it would take longer than {PATIENCE} s"
        track.runs = min(args.runs, 3) if megabytes > LARGE_MB else args.runs
        out[key] = run_race(args, track, race)
        times = {name: results.median(recipe.kept()) for name, recipe in race.recipes.items()}
        taken.update((name, (seconds, megabytes)) for name, seconds in times.items() if seconds)
        if megabytes > LARGE_MB:
            for path in race.work.paths(args.folder):
                os.unlink(path)
    track.runs = args.runs
    return out


def run_script(track, *words):
    """One of our processes that prints JSON, and what it says if it fails."""
    try:
        return process.ask(rows.python(*words), track.env, track.limit), ""
    except RuntimeError as error:
        return {}, str(error)


def run_handoff(args, track):
    mb = scaled(HANDOFF_MB, args.scale, 10)
    track.say(f"handoff: {mb} MB")
    found, fault = run_script(track, "handoff", "send", "--mb", mb, "--runs", args.runs)
    if fault:
        track.notes.append(f"handoff: {fault}")
        return {}
    for way, recipe in found.items():
        if recipe["state"] == "ok":
            weighed = turns.Recipe(recipe["title"], rows.python("handoff", "send", "--mb", mb, "--runs", 0, "--ways", way))
            track.measure_memory(weighed)
            recipe["tree_mb"] = round(weighed.tree_mb or 0.0, 1)
    return {"send": {"title": f"{mb:,} MB", "recipes": found}}


def run_attach(args, track):
    track.say("attach")
    found, fault = run_script(track, "handoff", "attach", "--count", max(100, round(ATTACHES * min(1, args.scale * 10))))
    if fault:
        track.notes.append(f"attach: {fault}")
        return {}
    count = max(len(recipe["runs"]) for recipe in found.values())
    for recipe in found.values():
        ordered = sorted(results.values(recipe))
        if ordered:
            place = len(ordered) - 1
            recipe["summary"] = {"p5": ordered[round(0.05 * place)], "median": results.median(recipe),
                                 "p95": ordered[round(0.95 * place)], "whole": results.median(recipe, "whole")}
        recipe["runs"] = []  # thousands, which nobody reads
    return {"attach": {"title": f"Attaching 8 kB that another process has made, {count:,} times", "recipes": found}}


def run_native(track):
    out = {}
    for name in native.BENCHES:
        track.say(f"cargo bench: {name}")
        out[name] = native.run(os.environ.get("CARGO", "cargo"), name)
    return out


def run_row(args, track, made, row):
    if row == "growth":
        return run_growth(args, track, made)
    if row == "handoff":
        return run_handoff(args, track)
    if row == "attach":
        return run_attach(args, track)
    if row == "native":
        return run_native(track)
    weigh, track.weigh = track.weigh, 0 if row == "workers" else track.weigh
    try:
        return {race.key: run_race(args, track, race) for race in getattr(made, row)()}
    finally:
        track.weigh = weigh


def measure(args):
    """The results, saved after every row."""
    os.makedirs(args.out, exist_ok=True)
    if machine.file_system(args.out) in ("tmpfs", "ramfs"):
        sys.exit(f"{args.out} is in memory: name a folder on a disk with --out")
    env = environment(args)
    os.environ.update(env)
    track = turns.Track(env, {}, args.runs, weigh=args.weigh)
    versions, fault = run_script(track, "recipes", "versions")
    if fault or "numpy" not in versions:
        sys.exit(f"numpy is needed: {fault or 'it is not installed'}")
    track.installed = versions
    own = {name: version for name, version in ((n, machine.own_version(b)) for n, b in args.binaries.items()) if version}
    found = {"machine": machine.describe(args.out, {**own, **versions}),
             "options": {"scale": args.scale, "runs": args.runs}, "notes": track.notes, "rows": {}}
    made = rows.Rows(args)
    for row in args.rows:
        found["rows"][row] = run_row(args, track, made, row)
        results.save(os.path.join(args.out, "results.json"), found)
    return found


# ------------------------------------------------------------------ showing


def target(args, scale):
    """The document, and the folder of the plots beside it."""
    docs = os.path.join(machine.ROOT, "docs", "performance.md")
    path = args.write or (docs if scale == 1 and not args.partial else os.path.join(args.out, "performance.md"))
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(document.skeleton(tables.titles()))
    return path, os.path.join(os.path.dirname(os.path.abspath(path)), "plots")


def draw(found, folder):
    """The plots' names; none where matplotlib is missing."""
    try:
        from . import plots
    except ImportError as error:
        print(f"no plots: {error}", file=sys.stderr)
        return []
    return plots.write(found, folder)


def show(args, found):
    path, folder = target(args, found["options"]["scale"])
    drawn = draw(found, folder)
    written = tables.blocks(found, rows.VIEWS, drawn)
    summary = written.pop("summary", None)
    missing = document.write(path, written)
    print(f"{path}: {', '.join(name for name in written if name not in missing)}")
    print(f"{folder}: {', '.join(drawn) or 'no plots'}")
    for name in missing:
        print(f"{path}: no place for {name}", file=sys.stderr)
    if summary:
        print(f"\n{summary}\n")
        if folder == os.path.join(machine.ROOT, "docs", "plots"):
            document.write(os.path.join(machine.ROOT, "README.md"), {"summary": summary})


def faults(found):
    """What of ndshm did not come out as it should."""
    return [f"{row}, {race['title']}: {recipe['title']}: {recipe['state']}"
            for row, races in found["rows"].items() if row != "native" for race in races.values()
            for recipe in race["recipes"].values() if recipe["kind"] == "own" and recipe["state"] != "ok"]


def main(words=None):
    args = arguments(words)
    # Ended by a signal as by Ctrl-C: what runs is stopped, and what it made is removed.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    found = results.load(args.source) if args.source else measure(args)
    show(args, found)
    wrong = faults(found)
    for words in wrong:
        print(f"ndshm: {words}", file=sys.stderr)
    return 1 if wrong else 0
