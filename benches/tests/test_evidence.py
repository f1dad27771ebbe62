"""The evidence's own code: tables and plots of fixed results, places in a document, equality, a run in small.

    python -m pytest benches/tests
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))

from pipeline import cli, data, document, equal, limit, memory, native, process, rows, tables, turns, workloads  # noqa: E402

MACHINE = {"processor": "A Processor", "cores": 2, "gib": 24, "kernel": "6.1", "file_system": "ext4",
           "versions": {"ndshm": "0.1.0", "numpy": "2.0"}, "commit": "abcdef0123", "date": "2030-01-02"}


def recipe(title, kind, *walls, state="ok", **more):
    runs = [{"wall": wall, "cpu": 2 * wall, "others": 0.02, "file_mb": 12.5} for wall in walls]
    return {"title": title, "kind": kind, "state": state, "runs": runs, **({"tree_mb": 21.4} if walls else {}), **more}


def race(title, recipes, text_mb=100.0):
    return {"title": title, "files": 1, "rows": 1000, "columns": 5, "text_mb": text_mb, "recipes": recipes}


def fixed():
    """Results as they come from a machine: one peer that is missing, one that failed."""
    limits = {"limit-1": {"title": "copy limit, 1 process", "kind": "limit", "state": "ok", "metric": "work",
                          "runs": [{"wall": 0.09, "work": 0.05}]}}
    main = {"grid": race("grid", {
        "ndshm": recipe("ndshm convert", "own", 0.1, 0.2, 0.3),
        "polars": recipe("polars + h5py", "peer", 1.0, 0.8, 0.9),
        "duckdb": recipe("duckdb + h5py", "peer", state="not installed: duckdb"),
        "pandas": recipe("pandas + h5py", "peer", state="failed: no | room"), **limits})}
    who = (("ndshm", "own", 1.0), ("polars", "peer", 4.0))
    lines = {"meth": race("meth", {f"{name}@{n}": recipe(name, kind, wall / n) for name, kind, wall in who for n in (1, 2)})}
    grow = {f"grow{mb}": race(f"{mb} MB", {"ndshm": recipe("ndshm convert", "own", mb / 1000)}, mb) for mb in (1, 10)}
    send = {"send": {"title": "10 MB", "recipes": {
        "0": recipe("the stores", "limit", 0.5), "1": recipe("ndshm", "own", 0.6, look=0.1)}}}
    summary = {"p5": 20e-6, "median": 25e-6, "p95": 40e-6, "whole": 45e-6}
    attach = {"attach": {"title": "Attaching", "recipes": {
        "ndshm": {"title": "ndshm.attach", "kind": "own", "state": "ok", "runs": [], "summary": summary}}}}
    native = {"parse": {"state": "ok", "command": "cargo bench --bench parse", "output": "grid 1 | 2"}}
    return {"machine": MACHINE, "options": {"scale": 1, "runs": 3}, "notes": ["a note"], "rows": {
        "array": main, "segment": main, "hdf5": main, "gzip": main, "small": main, "workers": lines, "growth": grow,
        "handoff": send, "attach": attach, "native": native}}


# ------------------------------------------------------------------ tables


def test_a_table_has_medians_spread_and_ratios_the_fastest_first():
    lines = tables.blocks(fixed(), rows.VIEWS)["hdf5"].splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert table[0] == "|  | median s | fastest-slowest s | MB/s | CPU s | memory MB | time / ndshm |"
    assert table[2] == "| **ndshm convert** | 0.200 | 0.100 - 0.300 | 500 | 0.400 | 21 | 1.00 |"
    assert table[3] == "| polars + h5py | 0.900 | 0.800 - 1.000 | 111 | 1.800 | 21 | 4.50 |"
    assert lines[0].startswith("Median of 3 runs taken in turns")
    assert "commit abcdef0123, 2030-01-02" in lines[-1]


def test_a_peer_that_is_missing_or_failed_says_so_in_its_line():
    text = tables.blocks(fixed(), rows.VIEWS)["hdf5"]
    assert "| duckdb + h5py | not installed: duckdb |" in text
    assert "| pandas + h5py | failed: no / room |" in text  # or the cell would end there
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_limits_are_timed_from_within_and_ratios_are_of_them():
    line = tables.blocks(fixed(), rows.VIEWS)["limit"].splitlines()[2]
    assert line == "| text to array: grid | 0.050 | 0.200 | 4.00 | 0.900 | 18.00 | polars + h5py |"


def test_workers_growth_handoff_attach_and_native_have_their_tables():
    found = tables.blocks(fixed(), rows.VIEWS)
    assert "| **ndshm** | 1.000 (1.00) | 0.500 (2.00) |" in found["workers"]
    assert "| **ndshm convert** | 0.0010 | 0.010 |" in found["growth"]
    assert "| **ndshm** | 0.600 | 0.600 - 0.600 | 1.20 | - | 21 |" in found["handoff"]
    assert "| **ndshm.attach** | 25.0 | 20.0 - 40.0 | 45.0 |" in found["attach"]
    assert found["native-parse"] == "```text\n$ cargo bench --bench parse\ngrid 1 | 2\n```"
    assert "- a note" in found["machine"]


def test_the_summary_says_only_what_the_tables_hold():
    said = tables.blocks(fixed(), rows.VIEWS)["summary"]
    assert "text to HDF5 4.5 times as fast as the fastest of the others" in said
    alone = fixed()
    del alone["rows"]["array"]
    assert "beside np.loadtxt (with h5py):" in said
    assert "summary" not in tables.blocks(alone, rows.VIEWS)
    assert "limit" not in tables.blocks(alone, rows.VIEWS)


def test_every_text_has_a_place_in_the_documents():
    names = set(tables.blocks(fixed(), rows.VIEWS)) | set(tables.titles())
    text, readme = ((ROOT / path).read_text(encoding="utf-8") for path in ("docs/performance.md", "README.md"))
    for name in names - {"summary"}:
        document.between(text, name)
    document.between(readme, "summary")


# ------------------------------------------------------------------ the document


def test_writing_keeps_the_prose_and_again_gives_the_same(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("before\n\n" + document.skeleton({"a": "A", "b": "B"}) + "\nafter\n", encoding="utf-8")
    assert document.write(path, {"a": "| new |\n", "c": "lost"}) == ["c"]
    once = path.read_text(encoding="utf-8")
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert document.between(once, "a")[1] == "\n\n| new |\n\n"
    assert document.EMPTY in document.between(once, "b")[1]
    document.write(path, {"a": "| new |"})
    assert path.read_text(encoding="utf-8") == once


def test_a_place_twice_or_the_wrong_way_round_is_none():
    begin, end = document.BEGIN.format("a"), document.END.format("a")
    for text in (begin, end + begin, begin + begin + end, ""):
        with pytest.raises(document.NoMarkers):
            document.between(text, "a")


# ------------------------------------------------------------------ plots


def test_the_same_results_give_the_same_plots(tmp_path):
    pytest.importorskip("matplotlib")
    from pipeline import plots

    first, again = (plots.write(fixed(), tmp_path / name) for name in ("a", "b"))
    linked = {f"{plot}.svg" for links in tables.PLOTS.values() for _, plot in links}
    assert set(first) == linked == set(again)
    for name in first:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "![" in tables.blocks(fixed(), rows.VIEWS, first)["hdf5"]


# ------------------------------------------------------------------ equality


def test_values_that_differ_are_counted_and_wrong_types_are_faults():
    want = np.array([1.0, 2.0, 3.0])
    seen = equal.Comparison()
    seen.table("t", np.array([1.0, np.nextafter(2.0, 3), 3.0]), want, 3)
    assert seen.result() == {"different": 1, "ulp": 1}
    for got, rows_there in ((want.astype("f4"), 3), (want, 4), (want[:2], 3)):
        seen = equal.Comparison()
        seen.table("t", got, want, rows_there)
        assert "fault" in seen.result()
    seen = equal.Comparison()
    seen.table("t", np.array([1, 2, 4]), np.array([1, 2, 3]), 3)
    assert seen.result() == {"fault": "t: 1 values differ"}


def test_a_table_that_repeats_its_values_is_compared_to_its_end():
    want, got = np.arange(4.0), np.arange(10.0) % 4
    seen = equal.Comparison()
    seen.table("t", got, want, 10)
    assert seen.result() == {"different": 0, "ulp": 0}
    got[9] = 7
    seen.table("t", got, want, 10)
    assert seen.result()["different"] == 1


def test_growing_tables_come_again_where_their_values_end(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "GROWTH_PERIOD_MB", 0.001)
    data.make(1, ["grow0.003"], str(tmp_path), processes=1, say=lambda text: None)
    work = workloads.workload("grow0.003", 1)
    lines = Path(work.paths(tmp_path)[0]).read_bytes().splitlines()
    values = np.load(work.paths(tmp_path)[0] + ".npy")
    assert len(lines) == work.rows == 126
    assert len(values) == 42
    assert lines[0] == lines[42] == lines[84]
    assert lines[0] != lines[41]
    assert [int(line.split(b"\t")[1]) for line in lines] == 3 * values["pos"].tolist()


# ------------------------------------------------------------------ processes


def test_the_limit_reads_every_byte_once_and_writes_as_many_as_asked(tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    for path, size in zip(paths, (1000, 777_777)):
        Path(path).write_bytes(b"x" * size)
    for processes in (1, 3):
        shares = limit.shares(paths, processes)
        for path, size in zip(paths, (1000, 777_777)):
            parts = sorted((start, end) for mine in shares for p, start, end in mine if p == path)
            assert parts[0][0] == 0
            assert parts[-1][1] == size
            assert all(end == start for (_, end), (start, _) in zip(parts, parts[1:]))
        out = tmp_path / f"out{processes}"
        assert limit.run(processes, str(out), 500_001, paths) > 0
        assert out.stat().st_size == 500_001
        assert limit.run(processes, "-", 500_001, paths) > 0


def test_memory_is_that_of_all_processes_together(monkeypatch):
    monkeypatch.setattr(memory, "shared_kb", lambda: 0)  # the whole machine's, which other tests use, too
    code = "import subprocess, sys; x = bytearray(30_000_000); x[::4096] = b'1' * len(x[::4096])\n"
    wait = "import time; time.sleep(0.3)"
    one, two = ([sys.executable, "-c", code + last] for last in (
        wait, f"subprocess.run([sys.executable, '-c', {code + wait!r}])"))
    alone, both = memory.peak_mb(one), memory.peak_mb(two)
    assert 30 < alone < 60
    assert both > alone + 25


def track(runs=2, weigh=0):
    return turns.Track(dict(os.environ), {"there": "1"}, runs, weigh=weigh, say=lambda text: None)


def python(code):
    return [sys.executable, "-c", code]


RIGHT, WRONG = (python(f"print('{{\"different\": {n}, \"ulp\": 9}}')") for n in (0, 5))


@pytest.mark.parametrize("weigh", [0, 2])
def test_what_is_wrong_missing_or_fails_is_not_timed_and_the_rest_is(weigh):
    recipes = {
        "good": turns.Recipe("good", python("print('{\"work\": 3}')"), check=RIGHT),
        "wrong": turns.Recipe("wrong", python(""), check=WRONG),
        "missing": turns.Recipe("missing", python(""), needs=("nowhere",), check=RIGHT),
        "dies": turns.Recipe("dies", python("raise SystemExit('no luck')"), check=RIGHT),
        "no such": turns.Recipe("no such", ["/nonexistent/command"], check=RIGHT),
    }
    found = track(weigh=weigh).run(turns.Race("race", "race", None, recipes))["recipes"]
    assert [len(r["runs"]) for r in found.values()] == [2, 0, 0, 0, 0]
    assert found["good"]["runs"][0]["work"] == 3
    states = [r["state"] for r in found.values()]
    assert states[:4] == ["ok", "wrong: 5 values differ by up to 9 in the last place", "not installed: nowhere",
                          "failed: no luck"]
    assert states[4].startswith("failed: ")


def runs_still(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("run", [process.timed, memory.peak_mb])
def test_a_run_that_takes_too_long_ends_with_all_that_it_started(tmp_path, run):
    note = tmp_path / "pid"
    code = f"import subprocess as s; p = s.Popen(['sleep', '60']); open({str(note)!r}, 'w').write(str(p.pid)); p.wait()"
    with pytest.raises(RuntimeError, match="longer than 2 s"):
        run(python(code), limit=2)
    deadline = time.monotonic() + 30
    while runs_still(note.read_text(encoding="ascii")):
        assert time.monotonic() < deadline, "what it started goes on"
        time.sleep(0.01)


def test_a_rust_bench_is_shown_as_it_prints_or_says_why_not(tmp_path):
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\necho '  one | 1'\necho $4\nexit $CARGO_ENDS\n", encoding="ascii")
    cargo.chmod(0o755)
    for ends, shown in (("0", "```text\n$ cargo bench --bench fill\n  one | 1\nfill\n```"), ("3", "failed: 3")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CARGO_ENDS", ends)
            assert tables.native_block(native.run(str(cargo), "fill")) == shown
    assert tables.native_block(native.run(str(tmp_path / "none"), "fill")).startswith("failed: ")


def test_every_row_has_its_recipes_and_no_two_have_one_name(tmp_path):
    args = cli.arguments(["--scale", "0.001", "--folder", str(tmp_path), "--out", str(tmp_path)])
    made = rows.Rows(args)
    for row in rows.RACES:
        races = [made.growth_race("grow1")] if row == "growth" else list(getattr(made, row)())
        for found in races:
            titles = [recipe.title for name, recipe in found.recipes.items() if "@" not in name]
            assert len(set(titles)) == len(titles)
            assert any(recipe.kind == "own" for recipe in found.recipes.values())
            assert all(recipe.check or recipe.kind == "limit" for recipe in found.recipes.values())


def test_only_whole_rows_at_full_size_are_written_to_the_documents(tmp_path):
    docs = str(ROOT / "docs" / "performance.md")
    for words, scale, written in (([], 1, docs), (["--only", "hdf5"], 1, docs), ([], 0.1, None), (["--quick"], 0.02, None),
                                  (["--recipes", "ndshm"], 1, None), (["--ndshm", "old=/bin/true"], 1, None)):
        path, _ = cli.target(cli.arguments([*words, "--out", str(tmp_path)]), scale)
        assert path == (written or str(tmp_path / "performance.md"))


def test_a_whole_run_in_small(tmp_path):
    command = Path(os.environ.get("NDSHM_COMMAND", ROOT / "target" / "release" / "ndshm"))
    if not command.exists():
        pytest.skip("the release command is not built")
    page = tmp_path / "page.md"
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pipeline", "--scale", "0.0002", "--runs", "1", "--only", "hdf5", "--workloads", "meth",
         "--recipes", "ndshm,numpy-mp,duckdb", "--ndshm", str(command), "--folder", str(tmp_path / "data"),
         "--out", str(ROOT / "target" / "bench-out" / "test"), "--write", str(page)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "benches")}, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    text = document.between(page.read_text(encoding="utf-8"), "hdf5")[1]
    assert "| **ndshm convert** | 0." in text
    assert "one process per file | " in text
    kept = json.loads((ROOT / "target" / "bench-out" / "test" / "results.json").read_text(encoding="utf-8"))
    own = kept["rows"]["hdf5"]["meth"]["recipes"]["ndshm"]
    assert own["state"] == "ok"
    assert own["runs"][0]["file_mb"] > 0.05
    assert own["tree_mb"] > 1
