"""What `ndshm head` and `tail` print, against NumPy and plain Python on the same rows.

run.py NDSHM FOLDER
"""
import gzip
import json
import math
import operator
import os
import random
import subprocess
import sys
from fractions import Fraction

import h5py
import numpy as np

NDSHM, FOLDER = sys.argv[1:3]
OPERATORS = {
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DTYPE = np.dtype(
    [
        ("a", "i1"), ("b", "u1"), ("c", "<i2"), ("d", ">u2"), ("e", "<i4"), ("f", ">i4"), ("g", "<u4"),
        ("h", "<i8"), ("i", ">i8"), ("j", "<u8"), ("k", "<f2"), ("l", "<f4"), ("m", ">f4"), ("n", "<f8"),
        ("o", ">f8"), ("ok", "?"), ("s", "S4"), ("u", "<U3"), ("v", ">U3"), ("day", "<M8[D]"),
        ("sec", ">M8[s]"), ("ms", "<M8[7ms]"), ("took", "<m8[h]"), ("wait", ">m8[5s]"), ("z", "<c8"),
        ("y", ">c16"), ("raw", "V3"), ("rec", [("x", "<i4"), ("t", "S2"), ("q", "<f8", (2,))]),
        ("grid", "<i2", (2, 3)), ("long", "<f4", (12,)), ("odd name", "<i4"), ("in", "u1"),
    ]
)  # fmt: skip
WORDS = ["", "a", "b", "ab", "abc", "B", "é", "zz", "a b", "it's"]


def ndshm(*args, piece=None, given=None):
    env = {"LC_ALL": "C.UTF-8"}
    if piece:
        env["NDSHM_PIECE_BYTES"] = str(piece)
    done = subprocess.run([NDSHM, *map(str, args)], env=env, input=given, capture_output=True)
    assert done.returncode == 0, (args, done.stderr.decode())
    return done.stdout.decode()


@np.errstate(over="ignore", invalid="ignore")
def numbers(rng, dtype, size):
    """Values of all sizes, among them the extreme ones, and some twice."""
    kind = dtype.kind
    if kind in "iu":
        info = np.iinfo(dtype)
        few = [info.min, info.max, 0, 1, info.max - 1] + ([-1] if kind == "i" else [])
        far = [2**53 + 1, 2**53, 2**24 + 1] if info.max > 2**53 else [100]
        return np.array([rng.choice(few + far + [rng.randrange(100)]) for _ in range(size)], dtype)
    if kind == "f":
        few = [0.0, -0.0, 1.5, -2.25, 0.1, math.inf, -math.inf, math.nan, 1e4, 2.0**24, 2.0**53, 2.0**53 + 4]
        return np.array([rng.choice(few + [rng.randrange(100) / 8]) for _ in range(size)], dtype)
    if kind == "b":
        return np.array([rng.random() < 0.5 for _ in range(size)])
    if kind in "SU":
        fit = [word for word in WORDS if len(word) <= dtype.itemsize // (1 if kind == "S" else 4)]
        words = np.array([rng.choice(fit + ([] if kind == "S" else ["日本", "😀"])) for _ in range(size)])
        return np.char.encode(words, "latin1").astype(dtype) if kind == "S" else words.astype(dtype)
    if kind in "Mm":
        counts = np.array([rng.choice([0, 1, -1, 19782, rng.randrange(-40000, 40000)]) for _ in range(size)])
        counts[[rng.random() < 0.1 for _ in range(size)]] = np.iinfo("i8").min
        return counts.astype("i8").view(dtype.newbyteorder("=")).astype(dtype)
    if kind == "c":
        return numbers(rng, np.dtype("f8"), size).astype(dtype) + 1j * numbers(rng, np.dtype("?"), size)
    return np.array([rng.randbytes(dtype.itemsize) for _ in range(size)], dtype)


def filled(rng, dtype, shape):
    if dtype.subdtype:
        base, inner = dtype.subdtype
        return filled(rng, base, (*shape, *inner))
    if not dtype.names:
        return numbers(rng, dtype, math.prod(shape)).reshape(shape)
    rows = np.zeros(shape, dtype)
    for name in dtype.names:
        rows[name] = filled(rng, dtype[name], shape)
    return rows


def number(value):
    """A number that is compared without rounding; None if it is none."""
    if isinstance(value, int):
        return Fraction(value)
    value = float(value)
    return value if math.isinf(value) else None if math.isnan(value) else Fraction(value)


def micros(value):
    """A time in units that all of them can be counted in."""
    value = value.astype(value.dtype.newbyteorder("="))
    unit = "M8[us]" if value.dtype.kind == "M" else "m8[us]"
    return None if np.isnat(value) else int(value.astype(unit).astype("i8"))


def plain(value):
    """What a value of a row is compared as."""
    kind = value.dtype.kind
    if kind == "b":
        return Fraction(bool(value))
    if kind in "iu":
        return Fraction(int(value))
    if kind == "f":
        return number(value)
    if kind == "S":
        return bytes(value).decode("latin1")
    if kind == "U":
        return str(value)
    if kind in "Mm":
        return micros(value)
    return None if math.isnan(value.real) or math.isnan(value.imag) else complex(value)


def literal(rng, values, dtype):
    """The text of a value near those that there are, and what it is compared as."""
    kind = dtype.kind
    if kind in "iu":
        near = int(rng.choice(values))
        text = rng.choice([str(near), str(near + 1), f"{near}.0", f"{near}.5", f"{near}e0", f"+{near}".replace("+-", "-")])
        text = rng.choice([text, "1e30", "-1e30", "2.5e1", "9007199254740993", "18446744073709551615"])
        return text, Fraction(text)
    if kind == "f":
        size = dtype.itemsize
        near = float(rng.choice(values))
        near = near if math.isfinite(near) else 3.0
        text = rng.choice([repr(near), repr(near + 0.5), "0.1", "-2.25", "0", "12", "16777217", "9007199254740993", "9007199254740995", "1e300", "inf", "-inf"])
        if "inf" in text:
            return text, float(text)
        if text.lstrip("-").isdigit():
            return text, Fraction(text)
        with np.errstate(over="ignore"):
            near = float(np.dtype(f"f{size}").type(float(text)))
        return text, Fraction(near) if math.isfinite(near) else Fraction(text)
    if kind == "b":
        text = rng.choice(["true", "False", "0", "1", "0.5"])
        return text, Fraction({"true": "1", "False": "0"}.get(text, text))
    if kind in "SU":
        word = rng.choice(WORDS + ["日本", "longer than any"])
        quote = rng.choice("'\"")
        return quote + word.replace(quote, 2 * quote) + quote, word
    if kind == "M":
        text = rng.choice(["1970-01-01", "2024-02-29", "2024-02-29T12:34:56", "1969-12", "2000", "1970-01-01T00:00:00.007"])
        return f"'{text}'", micros(np.datetime64(text))
    count, unit = rng.choice([0, 1, 90, -3, 3600]), rng.choice(["s", "ms", "h", "m", "D", "W"])
    return f"'{count}{unit}'", micros(np.timedelta64(count, unit))


def compared(sign, one, other):
    if one is None or other is None:
        return sign in ("!=", "<>")
    return OPERATORS[sign](one, other)


def leaf(rng, rows, columns):
    """A test of one column: its text, and for each row whether it holds."""
    name, values = rng.choice(columns)
    known, kind = [plain(value) for value in values], values.dtype.kind
    choice = rng.random()
    if choice < 0.15:
        negated, word = rng.choice(["", " not"]), rng.choice(["missing", "nan", "NaT"])
        gone = [value is None or value == "" for value in known]
        return f"{name} is{negated} {word}", [value != bool(negated) for value in gone]
    if kind == "c":
        sign, text = rng.choice(["==", "!="]), rng.choice(["1.5", "0", "12"])
        return f"{name} {sign} {text}", [compared(sign, value, complex(float(text))) for value in known]
    if kind == "b" and choice < 0.6:
        return name, [value == 1 for value in known]
    if choice < 0.35:
        texts, wanted = zip(*(literal(rng, values, values.dtype) for _ in range(rng.randrange(1, 5))))
        negated = rng.choice(["", "not "])
        found = [any(compared("==", value, one) for one in wanted) for value in known]
        return f"{name} {negated}in ({', '.join(texts)})", [value != bool(negated) for value in found]
    if choice < 0.5:
        def sort(dtype):
            return dtype.kind if dtype.kind in "Mm" else "text" if dtype.kind in "SU" else "number"

        same = [c for c in columns if c[1].dtype.kind != "c" and sort(c[1].dtype) == sort(values.dtype)]
        if kind in "Mm":
            same = [c for c in same if c[1].dtype.newbyteorder("=") == values.dtype.newbyteorder("=")]
        other, more = rng.choice(same)
        sign = rng.choice(list(OPERATORS))
        return f"{name} {sign} {other}", [compared(sign, a, plain(b)) for a, b in zip(known, more)]
    sign, (text, wanted) = rng.choice(list(OPERATORS)), literal(rng, values, values.dtype)
    if choice < 0.7:
        return f"{text} {sign} {name}", [compared(sign, wanted, value) for value in known]
    return f"{name}{sign}{text}", [compared(sign, value, wanted) for value in known]


def condition(rng, rows, columns, depth=0):
    choice = rng.random()
    if depth > 2 or choice < 0.4:
        return leaf(rng, rows, columns)
    if choice < 0.55:
        text, holds = condition(rng, rows, columns, depth + 1)
        return f"{rng.choice(['not ', '!', '~'])}({text})", [not value for value in holds]
    parts = [condition(rng, rows, columns, depth + 1) for _ in range(rng.randrange(2, 4))]
    all_of = choice < 0.8
    word = rng.choice([" and ", " && ", " AND "] if all_of else [" or ", " | ", " Or "])
    text = word.join(f"({text})" for text, _ in parts)
    return text, [(all if all_of else any)(holds) for holds in zip(*(holds for _, holds in parts))]


def columns_of(rows):
    """Everything in a record that can be compared, by its name in a condition."""
    found = []
    for name in rows.dtype.names:
        quoted = f"`{name}`" if not name.isidentifier() or name == "in" else name
        values = rows[name]
        if values.dtype.names:
            found += [(f"{quoted}.{inner}", more) for inner, more in columns_of(values)]
        elif values.ndim > 1:
            places = list(np.ndindex(values.shape[1:]))[:7]
            found += [(f"{quoted}[{','.join(map(str, at))}]", values[(slice(None), *at)]) for at in places]
        elif values.dtype.kind != "V":
            found.append((quoted, values))
    return found


def is_same(got, value):
    """What JSON says of a value, against that value."""
    value = np.asarray(value)
    if value.dtype.names and value.ndim == 0:
        assert list(got) == list(value.dtype.names), (got, value)
        return all(is_same(got[name], value[name]) for name in got)
    if value.ndim:
        return len(got) == len(value) and all(is_same(one, more) for one, more in zip(got, value))
    kind = value.dtype.kind
    if kind == "f":
        if isinstance(got, str):
            assert got in ("NaN", "Infinity", "-Infinity")
        elif value.dtype.itemsize > 2:
            # All digits that there are, and no more.
            assert repr(got) == repr(float(str(value))), (got, value)
        return np.array_equal(value.dtype.type(float(got)), value, equal_nan=True)
    if kind == "c":
        return is_same(got[0], value.real) and is_same(got[1], value.imag)
    if kind == "M":
        # NumPy prints other texts for those in the other byte order.
        return got == str(np.datetime_as_string(value.astype(value.dtype.newbyteorder("="))))
    if kind == "m":
        count = value.astype("i8") * np.datetime_data(value.dtype)[1]
        return got == ("NaT" if np.isnat(value) else f"{count}{np.datetime_data(value.dtype)[0]}")
    if kind == "S":
        return got == value.item().decode("latin1")
    if kind == "V":
        return got == value.tobytes().hex()
    return type(got) is type(value.item()) and got == value.item()


def check(path, rows, *args, named=None, **more):
    """What is printed are these rows."""
    said = ndshm(*args, "--json", path, **more)
    got = [json.loads(line) for line in said.splitlines()]
    assert len(got) == len(rows), (args, len(got), len(rows))
    for one, row in zip(got, rows):
        told = one if named is None else named(one)
        assert is_same(told, row), (args, one, row)


def ends(rng, path, rows, *args, named=None, **more):
    """Some of the first and of the last rows."""
    for n in [0, 1, rng.randrange(len(rows) + 2), len(rows) + 5]:
        check(path, rows[:n], "head", "-n", n, *args, named=named, **more)
        check(path, rows[max(len(rows) - n, 0):], "tail", "-n", n, *args, named=named, **more)


def stored(rows):
    """The same rows in all kinds of files, and in a segment."""
    np.save(f"{FOLDER}/a.npy", rows)
    yield f"{FOLDER}/a.npy"
    name = f"look-{os.getpid()}"
    subprocess.run([NDSHM, "import", "-q", f"{FOLDER}/a.npy", "--name", name], check=True)
    try:
        yield name
        for options in ([], ["--compress", "gzip", "--chunks", "37"], ["--layout", "columns"]):
            if options and options[-1] == "columns" and not rows.dtype.names:
                continue
            if options[1:2] == ["gzip"] and rows.ndim > 1:
                options = ["--compress", "gzip"]
            path = f"{FOLDER}/{len(options)}.h5"
            subprocess.run([NDSHM, "export", "-q", "-f", name, "-o", path, "--dataset", "x/y", *options], check=True)
            yield f"{path}:/x/y"
    finally:
        subprocess.run([NDSHM, "rm", name], check=True)


def case_records():
    rng = random.Random(1)
    rows = filled(rng, DTYPE, (300,))
    columns = columns_of(rows)
    tests = [condition(rng, rows, columns) for _ in range(25)]
    for path in stored(rows):
        ends(rng, path, rows)
        for text, holds in tests:
            n = rng.choice([1, 3, 10, 1000])
            fitting = rows[np.array(holds)]
            check(path, fitting[:n], "head", "-n", n, "--where", text)
            check(path, fitting[max(len(fitting) - n, 0):], "tail", "-n", n, "--where", text)
            assert int(ndshm("head", "--count", "--where", text, path)) == len(fitting), text
        (one, first), (two, second) = tests[0], tests[1]
        both = rows[np.array(first) & np.array(second)]
        check(path, both[:7], "head", "-n", "7", "--where", one, "--where", two)
        assert int(ndshm("tail", "--count", path)) == len(rows)


def case_many_conditions():
    rng = random.Random(2)
    rows = filled(rng, DTYPE, (200,))
    np.save(f"{FOLDER}/many.npy", rows)
    columns = columns_of(rows)
    for _ in range(400):
        text, holds = condition(rng, rows, columns)
        got = int(ndshm("head", "--count", "--where", text, f"{FOLDER}/many.npy"))
        assert got == sum(holds), (text, got, sum(holds))


def case_more_rows_than_a_tile():
    rng = random.Random(3)
    rows = np.zeros(300_000, [("n", "<i8"), ("f", "<f4"), ("s", "S6")])
    rows["n"] = np.arange(len(rows))
    rows["f"] = rows["n"] % 1000
    rows["s"] = np.char.mod("%d", rows["n"] % 77)
    holds = (rows["f"] < 3) & (rows["n"] > 4095) & (rows["s"] != b"5")
    text = "f < 3 and n > 4095 and s != '5'"
    for path in stored(rows):
        for n in [1, 10, 500, 100_000]:
            check(path, rows[holds][:n], "head", "-n", n, "--where", text)
            check(path, rows[holds][-n:], "tail", "-n", n, "--where", text)
        check(path, rows[-70_000:], "tail", "-n", "70000")


def case_arrays():
    rng = random.Random(4)
    for shape in [(7,), (5, 4), (4, 3, 5), (3, 2, 2, 3), (60, 3)]:
        for dtype in ["<i4", ">f8", "<U2"]:
            rows = filled(rng, np.dtype(dtype), shape)

            def named(got, shape=shape):
                if len(shape) == 2:
                    assert list(got) == [str(at) for at in range(shape[1])]
                    return list(got.values())
                return got["value"]

            for path in stored(rows):
                ends(rng, path, rows, named=named)
            np.save(f"{FOLDER}/f.npy", np.asfortranarray(rows))
            ends(rng, f"{FOLDER}/f.npy", rows, named=named)
            name = f"look-f-{os.getpid()}"
            subprocess.run([NDSHM, "import", "-q", f"{FOLDER}/f.npy", "--name", name], check=True)
            try:
                ends(rng, name, rows, named=named)
            finally:
                subprocess.run([NDSHM, "rm", name], check=True)
            if dtype == "<i4":
                at = tuple(extent - 1 for extent in shape[1:])
                path = f"[{','.join(map(str, at))}]" if at else "value"
                wanted = int((rows[(slice(None), *at)] >= 0).sum())
                assert int(ndshm("head", "--count", "--where", f"{path} >= 0", f"{FOLDER}/f.npy")) == wanted
    records = filled(rng, np.dtype([("x", "i2"), ("y", "S2")]), (6, 3))
    np.save(f"{FOLDER}/r.npy", records)
    check(f"{FOLDER}/r.npy", records[records[:, 1]["x"] > 5], "head", "--where", "[1].x > 5", named=lambda got: list(got.values()))


def case_odd_shapes():
    np.save(f"{FOLDER}/one.npy", np.float64(3.5))
    assert ndshm("tail", f"{FOLDER}/one.npy") == "3.5\n"
    np.save(f"{FOLDER}/none.npy", np.zeros((0, 3)))
    assert ndshm("head", f"{FOLDER}/none.npy") == "0  1  2\n"
    np.save(f"{FOLDER}/none.npy", np.zeros((5, 0)))
    assert ndshm("head", f"{FOLDER}/none.npy") == "... 5 rows in all\n"
    np.save(f"{FOLDER}/none.npy", np.zeros(3, [("a", "S0")]))
    assert ndshm("tail", f"{FOLDER}/none.npy") == "a\n... 3 rows in all\n"
    for test, count in [("a == ''", 3), ("a is not missing", 0)]:
        assert ndshm("head", "--count", "--where", test, f"{FOLDER}/none.npy") == f"{count}\n"
    with h5py.File(f"{FOLDER}/odd.h5", "w") as file:
        # One value of an array type, which only HDF5 can read: all of it, for any part.
        how = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        how.set_layout(h5py.h5d.COMPACT)
        kind, space = h5py.h5t.py_create(np.dtype(("<i2", (3,)))), h5py.h5s.create(h5py.h5s.SCALAR)
        h5py.h5d.create(file.id, b"inner", kind, space, how)
        file["inner"][()] = [1, 2, 3]
        file["texts"] = ["a", "bcd", "日本"]
        file.create_dataset("pairs", (4,), dtype=np.dtype(("<i2", (2,))))[...] = np.arange(8).reshape(4, 2)
        file.create_dataset("chunks", data=np.arange(100_000), chunks=(1000,), compression="gzip")
    assert ndshm("tail", "-n", "2", f"{FOLDER}/odd.h5:inner") == "2\n3\n... 3 rows in all\n"
    assert ndshm("head", "--where", "value > 2", f"{FOLDER}/odd.h5:inner") == "3\n... 1 of 3 rows fit\n"
    assert ndshm("tail", "-n", "1", "--json", f"{FOLDER}/odd.h5:texts") == '{"value":"日本"}\n'
    assert ndshm("tail", "-n", "1", "--json", f"{FOLDER}/odd.h5:pairs") == '{"0":6,"1":7}\n'
    assert ndshm("tail", "-n", "1", f"{FOLDER}/odd.h5:chunks") == "99999\n... 100,000 rows in all\n"


def case_columns():
    rng = random.Random(5)
    rows = filled(rng, DTYPE, (20,))
    np.save(f"{FOLDER}/c.npy", rows)
    for wanted, names in [
        (["e", "a"], "e,a"),
        (["c", "d", "e", "s"], "2-4, s"),
        (["odd name", "in"], "odd name,in"),
        (["a"], "0"),
    ]:
        said = ndshm("head", "--json", "-n", "20", "--columns", names, f"{FOLDER}/c.npy")
        got = [json.loads(line) for line in said.splitlines()]
        assert all(list(one) == wanted for one in got), got[0]
        assert all(is_same(one[name], row[name]) for one, row in zip(got, rows) for name in wanted)
    one = json.loads(ndshm("head", "--json", "-n", "1", "--columns", "rec.q[1],rec.t,grid[1],grid[1,2],`odd name`", f"{FOLDER}/c.npy"))
    assert list(one) == ["rec.q[1]", "rec.t", "grid[1]", "grid[1,2]", "odd name"], one
    row = rows[0]
    assert is_same(one["rec.q[1]"], row["rec"]["q"][1]) and is_same(one["grid[1]"], row["grid"][1])
    assert is_same(one["grid[1,2]"], row["grid"][1, 2]) and is_same(one["rec.t"], row["rec"]["t"])
    np.save(f"{FOLDER}/t.npy", np.arange(60).reshape(6, 10))
    assert json.loads(ndshm("tail", "--json", "-n", "1", "--columns", "9,2-3", f"{FOLDER}/t.npy")) == {"9": 59, "2": 52, "3": 53}


def case_texts():
    rng = random.Random(6)
    dtype = np.dtype([("n", "<i8"), ("f", "<f8"), ("s", "S3"), ("d", "<M8[D]")])
    rows = np.zeros(3000, dtype)
    rows["n"] = [rng.randrange(-50, 50) for _ in rows]
    rows["f"] = [rng.randrange(100) / 8 for _ in rows]
    rows["s"] = [rng.choice([b"x", b"yy", b"zzz"]) for _ in rows]
    rows["d"] = [np.datetime64("2024-01-01") + rng.randrange(60) for _ in rows]
    path = f"{FOLDER}/t.csv"
    with open(path, "w") as file:
        file.write("n,f,s,d\n")
        for row in rows.tolist():
            file.write(",".join(map(str, row[:2])) + f",{row[2].decode()},{row[3]}\n")
    with open(path, "rb") as file, gzip.open(path + ".gz", "wb") as packed:
        text = file.read()
        packed.write(text)
    flags = ["--header", "-d", ",", "-t", "n:i8,f:f8,s:S3,d:M8[D]"]
    tests = [condition(rng, rows, columns_of(rows)) for _ in range(12)]
    for workers, piece in [(1, None), (2, 5000), (3, 777)]:
        more = {"piece": piece}
        args = [*flags, "-j", workers]
        ends(rng, path, rows, *args, **more)
        for words, holds in tests:
            n, fitting = rng.choice([1, 10, 5000]), rows[np.array(holds)]
            check(path, fitting[:n], "head", "-n", n, "--where", words, *args, **more)
            check(path, fitting[max(len(fitting) - n, 0):], "tail", "-n", n, "--where", words, *args, **more)
            assert int(ndshm("head", "--count", "--where", words, *args, path, **more)) == len(fitting)
    ends(rng, path + ".gz", rows, *flags)
    ends(rng, "-", rows, *flags, given=text)
    fitting = rows[rows["n"] > 3]
    check("-", fitting[:9], "head", "-n", 9, "--where", "n > 3", *flags, given=text)
    # Several inputs are one table.
    said = ndshm("tail", "--json", "-n", "3001", *flags, path, path)
    assert len(said.splitlines()) == 3001
    assert int(ndshm("head", "--count", "--where", "n > 3", *flags, path, path)) == 2 * len(fitting)
    said = ndshm("head", "--json", "-n", "3001", *flags, path, path).splitlines()
    assert len(said) == 3001 and said[0] == said[3000]


def case_types_that_are_found():
    # The last line makes text of the column, which was an integer up to there.
    path = f"{FOLDER}/found.csv"
    with open(path, "w") as file:
        file.write("id,n\n" + "".join(f"{i},{i % 7}\n" for i in range(40_000)) + "x1,3\n")
    got = [json.loads(line) for line in ndshm("tail", "-n", "2", "--json", path).splitlines()]
    assert got == [{"id": "39999", "n": 1}, {"id": "x1", "n": 3}], got
    assert int(ndshm("head", "--count", "--where", "id == 'x1'", path)) == 1
    got = [json.loads(line) for line in ndshm("head", "-n", "2", "--json", path).splitlines()]
    assert got == [{"id": 0, "n": 0}, {"id": 1, "n": 1}], got
    with open(path, "w") as file:
        file.write("".join(f"{i} {i * 2} {i * 3}\n" for i in range(5000)))
    got = ndshm("head", "--json", "--where", "[1] == 4242", path)
    assert json.loads(got) == {"0": 2121, "1": 4242, "2": 6363}, got


if __name__ == "__main__":
    wanted = sys.argv[3:]
    for name, case in list(globals().items()):
        if name.startswith("case_") and (not wanted or name[5:] in wanted):
            case()
