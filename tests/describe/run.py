"""What `ndshm describe --json` says, against NumPy, and pandas if there is one.

run.py NDSHM FOLDER
"""
import json
import math
import os
import subprocess
import sys
from collections import Counter

import h5py
import numpy as np

try:
    import pandas as pd
except ImportError:
    pd = None

NDSHM, FOLDER = sys.argv[1:3]
PARTS = [0.05, 0.25, 0.5, 0.75, 0.95]


def describe(*args, workers=None, piece=None):
    env = {"LC_ALL": "C.UTF-8"}
    if piece:
        env["NDSHM_PIECE_BYTES"] = str(piece)
    more = ["-j", str(workers)] if workers else []
    done = subprocess.run([NDSHM, "describe", "--json", *more, *args], env=env, check=True, capture_output=True)
    return json.loads(done.stdout)


def near(got, wanted, rel=1e-12):
    got = float(got)
    assert math.isclose(got, wanted, rel_tol=rel, abs_tol=1e-300) or (math.isnan(got) and math.isnan(wanted)), (got, wanted)


def check_numbers(got, values, exact):
    """A column against a pandas series of its values."""
    values = np.asarray(values)
    there = values[values == values]
    assert (got["count"], got["missing"]) == (len(there), len(values) - len(there)), got
    if len(there) == 0:
        assert "min" not in got and "mean" not in got
        return
    numbers = there.astype("f8")
    near(got["mean"], math.fsum(numbers) / len(there), 1e-15)
    if len(there) > 1:
        near(got["std"], numbers.std(ddof=1), 1e-7)
    if pd is not None:
        told = pd.Series(numbers).describe()
        near(got["mean"], told["mean"], 1e-9)
        near(got["std"] if len(there) > 1 else "nan", told["std"], 1e-7)
        assert got["count"] == told["count"]
    is_int = np.issubdtype(there.dtype, np.integer)
    kind = int if is_int else float
    assert kind(got["min"]) == kind(there.min()) and kind(got["max"]) == kind(there.max()), got
    for quantile, part in zip(got["quantiles"], PARTS):
        wanted = np.quantile(numbers, part)
        error = float(quantile["error"])
        assert abs(float(quantile["value"]) - wanted) <= error + 1e-9 * abs(wanted), (quantile, wanted)
        assert error == 0 or not exact
        assert error <= 0.05 * abs(wanted) + 1e-300 or is_int, (quantile, wanted)
    distinct = got["distinct"]
    wanted = len(np.unique(there))
    slack = 5 * float(distinct["relative_error"]) * wanted
    assert abs(distinct["count"] - wanted) <= slack, (distinct, wanted)
    assert not exact or slack == 0
    histogram = got["histogram"]
    assert sum(histogram["counts"]) == np.isfinite(numbers).sum()
    if exact and not is_int and wanted > 1:
        counts, _ = np.histogram(there, bins=20)
        assert histogram["counts"] == counts.tolist(), (histogram, counts)
    if "frequent" in got:
        check_frequent(got["frequent"], there)


def check_frequent(got, there):
    there = np.asarray(there).tolist()
    counts = Counter(there)
    if pd is not None:
        assert counts == pd.Series(there).value_counts().to_dict()
    for pair in got["values"]:
        assert counts[pair["value"]] == pair["count"], pair
    told = [pair["count"] for pair in got["values"]]
    assert told == sorted(told, reverse=True)
    assert sum(told) + got["rest"] + got["uncounted"] == len(there)
    if got["uncounted"] == 0:
        assert told == [count for _, count in counts.most_common(10)], told
        return
    # What is not told is not more frequent than what is, or than all that was not counted.
    hidden = counts.keys() - {pair["value"] for pair in got["values"]}
    assert max(counts[value] for value in hidden) <= max(got["uncounted"], told[-1])


def case_integers():
    for seed, dtype in enumerate(["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i4"]):
        rng = np.random.default_rng(seed)
        info = np.iinfo(dtype)
        for size, low, high in [(1, 0, 9), (500, info.min, info.max), (30_000, 0, 100), (90_000, info.min, info.max)]:
            values = rng.integers(low, high, size, dtype=np.dtype(dtype).newbyteorder("="), endpoint=True)
            np.save(f"{FOLDER}/a.npy", values.astype(dtype))
            got = describe(f"{FOLDER}/a.npy")["columns"][0]
            small = abs(int(info.max)) < 2**53
            check_numbers(got, values, exact=small and len(np.unique(values)) <= 2048)
            mean = sum(map(int, values)) / size
            near(got["mean"], mean, 1e-15)


def case_floats():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        for values in [
            rng.normal(0, 1, 700),
            rng.normal(1e6, 1e-3, 100_000),
            rng.lognormal(0, 3, 100_000),
            rng.integers(0, 40, 50_000) / 8,
            np.where(rng.random(70_000) < 0.3, np.nan, rng.normal(0, 5, 70_000)),
            np.full(10, np.nan),
            np.array([0.5]),
            np.array([0.0, -0.0]),
        ]:
            for dtype in ["f8", "f4", ">f8"]:
                array = values.astype(dtype)
                np.save(f"{FOLDER}/f.npy", array)
                got = describe(f"{FOLDER}/f.npy")["columns"][0]
                native = array.astype("f8")
                check_numbers(got, native, exact=len(np.unique(native[~np.isnan(native)])) <= 2048)
    exact = math.fsum(native) / len(native)
    near(got["mean"], exact, 0)


def case_halves():
    values = np.arange(65536, dtype="u2").view("f2")
    values = values[np.isfinite(values)]
    np.save(f"{FOLDER}/h.npy", values)
    check_numbers(describe(f"{FOLDER}/h.npy")["columns"][0], values.astype("f8"), exact=False)


def case_words():
    rng = np.random.default_rng(3)
    words = np.array(["", "é", "日本", "a\0b", "zz", "Z", "😀"] + [f"w{i}" for i in range(60)])
    for size, kinds in [(50, len(words)), (120_000, 9), (120_000, len(words))]:
        for dtype in ["U4", ">U4", "S4"]:
            values = words[rng.integers(0, kinds, size)]
            if dtype == "S4":
                values = np.char.encode(values, "latin1", "ignore")
            array = values.astype(dtype)
            np.save(f"{FOLDER}/w.npy", array)
            got = describe(f"{FOLDER}/w.npy")["columns"][0]
            texts = array.tolist()
            texts = [t.decode("latin1") if isinstance(t, bytes) else t for t in texts]
            there = [t for t in texts if t]
            assert (got["count"], got["missing"]) == (len(there), texts.count(""))
            assert (got["min"], got["max"]) == (min(there), max(there))
            assert got["distinct"] == {"count": len(set(there)), "relative_error": 0.0}
            check_frequent(got["frequent"], there)


def case_many_words():
    rng = np.random.default_rng(4)
    many = np.where(rng.random(200_000) < 0.2, "often", rng.integers(0, 10**9, 200_000).astype("U9"))
    np.save(f"{FOLDER}/m.npy", many)
    got = describe(f"{FOLDER}/m.npy")["columns"][0]
    check_frequent(got["frequent"], many)
    assert got["frequent"]["values"][0] == {"value": "often", "count": int((many == "often").sum())}
    wanted = len(np.unique(many))
    assert abs(got["distinct"]["count"] - wanted) < 5 * got["distinct"]["relative_error"] * wanted


def case_tables():
    rng = np.random.default_rng(5)
    table = rng.normal(size=(3000, 4))
    np.save(f"{FOLDER}/c.npy", table)
    np.save(f"{FOLDER}/fortran.npy", np.asfortranarray(table))
    with h5py.File(f"{FOLDER}/t.h5", "w") as file:
        file["g/flat"] = table
        file.create_dataset("g/chunks", data=table, chunks=(77, 3), compression="gzip")
    wanted = describe(f"{FOLDER}/c.npy")
    assert [c["name"] for c in wanted["columns"]] == list("0123")
    for column, got in zip(table.T, wanted["columns"]):
        check_numbers(got, column, exact=False)
    for path in ["fortran.npy", "t.h5:/g/flat", "t.h5:/g/chunks"]:
        assert describe(f"{FOLDER}/{path}") == wanted, path
    cube = np.arange(24.0).reshape(2, 3, 4)
    np.save(f"{FOLDER}/cube.npy", np.asfortranarray(cube))
    got = describe(f"{FOLDER}/cube.npy")
    assert len(got["columns"]) == 1
    check_numbers(got["columns"][0], cube.ravel(), exact=True)


def case_texts():
    rng = np.random.default_rng(6)
    floats = np.where(rng.random(40_000) < 0.1, np.nan, rng.lognormal(3, 2, 40_000))
    integers = rng.integers(-5000, 5000, 40_000)
    words = rng.choice(["x", "yy", "zzz", ""], 40_000)
    path = f"{FOLDER}/t.csv"
    with open(path, "w") as file:
        file.write("f,i,s\n")
        for number, integer, word in zip(floats.tolist(), integers.tolist(), words):
            file.write(f"{'NA' if math.isnan(number) else repr(number)},{integer},{word}\n")
    flags = ["--header", "-d", ",", "--missing", "NA", path]
    one = describe(*flags)
    check_numbers(one["columns"][0], floats, exact=False)
    check_numbers(one["columns"][1], integers, exact=False)
    check_frequent(one["columns"][2]["frequent"], words[words != ""])
    for workers in [1, 2, 5]:
        for piece in [None, 5_000, 100_001]:
            assert describe(*flags, workers=workers, piece=piece) == one, (workers, piece)
    name = f"describe-{os.getpid()}"
    load = [NDSHM, "load", *flags, "--name", name, "-q"]
    subprocess.run(load, check=True)
    try:
        segment = describe(name)
    finally:
        subprocess.run([NDSHM, "rm", name], check=True)
    assert segment == one
    subprocess.run(["gzip", "-k", path], check=True)
    assert describe(*flags[:-1], path + ".gz") == one
    with open(path) as text:
        done = subprocess.run([NDSHM, "describe", "--json", *flags[:-1], "-"], stdin=text, check=True, capture_output=True)
    assert json.loads(done.stdout) == one


def case_times():
    rng = np.random.default_rng(7)
    for unit, dtype in [("s", "M8[s]"), ("D", "M8[D]"), ("ns", "m8[ns]")]:
        counts = rng.integers(0, 10**4, 3000)
        array = counts.astype(dtype)
        array[::10] = "NaT"
        np.save(f"{FOLDER}/d.npy", array)
        got = describe(f"{FOLDER}/d.npy")["columns"][0]
        there = array[~np.isnat(array)].astype("i8")
        assert (got["dtype"], got["count"], got["missing"]) == (dtype, len(there), 300)
        assert (got["min"], got["max"]) == (there.min(), there.max())
        near(got["mean"], there.mean())
        near(got["std"], there.std(ddof=1))
        for quantile, part in zip(got["quantiles"], PARTS):
            assert abs(quantile["value"] - np.quantile(there, part)) <= float(quantile["error"]) + 1e-6


if __name__ == "__main__":
    for name, case in list(globals().items()):
        if name.startswith("case_"):
            case()
