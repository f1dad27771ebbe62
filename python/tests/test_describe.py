"""Descriptions: the same numbers as NumPy's, of whatever is described."""

import io
import math
from fractions import Fraction

import numpy as np
import pytest

import ndshm

RNG = np.random.default_rng(7)
NUMBERS = ["?", "i1", "<i2", ">i4", "<i8", "u1", ">u2", "<u4", "<u8", "<f2", "<f4", ">f4", "<f8", ">f8"]


def numbers(dtype, size=5000):
    """Values of any type, some of them missing."""
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return RNG.integers(0, 2, size).astype(dtype)
    if kind.kind in "iu":
        limits = np.iinfo(kind)
        return RNG.integers(limits.min, limits.max, size, endpoint=True, dtype=kind.newbyteorder("=")).astype(dtype)
    values = (RNG.normal(10, 100, size)).astype(dtype)
    values[::17] = np.nan
    return values


def exact_mean(values):
    return float(sum(map(Fraction, values.tolist())) / len(values))


def exact_std(values):
    exact = list(map(Fraction, values.tolist()))
    mean = sum(exact) / len(exact)
    return math.sqrt(sum((x - mean) ** 2 for x in exact) / (len(exact) - 1))


def same(found, values):
    """What is exact is what NumPy and exact numbers say."""
    values = np.asarray(values)
    valid = values[~np.isnan(values)] if values.dtype.kind in "fmM" else values
    assert (found.count, found.missing) == (len(valid), len(values) - len(valid))
    assert (found.min, found.max) == (valid.min(), valid.max())
    if values.dtype.kind not in "mM":
        assert found.mean == exact_mean(valid)
        assert found.std == pytest.approx(exact_std(valid), rel=3e-16)


@pytest.mark.parametrize("dtype", NUMBERS)
def test_numbers_are_those_of_numpy(dtype):
    values = numbers(dtype)
    found = ndshm.describe(values)[0]
    same(found, values)
    assert found.dtype == values.dtype.newbyteorder("=")
    valid = values[~np.isnan(values)] if values.dtype.kind == "f" else values
    if found.distinct_error == 0:
        assert found.distinct == len(np.unique(valid))
    for value, count in found.top:
        assert np.count_nonzero(valid == value) == count
    if dtype == "?":
        assert found.histogram is None
        return
    native = valid.astype("f8")
    for part, value in found.quantiles.items():
        assert abs(value - np.quantile(native, part)) <= found.quantile_errors[part] * 2 + abs(value) * 1e-15
    counts, edges = found.histogram
    assert (counts.sum(), len(edges)) == (len(valid), len(counts) + 1)
    assert (edges[0], edges[-1]) == (float(found.min), float(found.max))


def test_few_values_are_counted_each():
    values = RNG.integers(-3, 9, 3000)
    found = ndshm.describe(values)["value"]
    kinds, counts = np.unique(values, return_counts=True)
    assert (found.distinct, found.distinct_error) == (len(kinds), 0)
    assert found.top == sorted(zip(kinds.tolist(), counts.tolist()), key=lambda pair: (-pair[1], pair[0]))[:10]
    assert found.top_rest + found.top_uncounted == 3000 - sum(count for _, count in found.top)
    assert found.quantiles == {q: np.quantile(values, q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)}
    counts, edges = found.histogram
    np.testing.assert_array_equal(counts, np.histogram(values, len(counts))[0])
    np.testing.assert_allclose(edges, np.histogram(values, len(counts))[1])


def test_wherever_elements_lie():
    """The bug guarded against: steps that are not those of C order, and arrays that are parts of others."""
    whole = RNG.normal(size=(40, 30, 5))
    records = np.zeros(50, [("a", "<i2"), ("b", ">f8", (2,)), ("c", [("d", "S3")])])
    records["a"], records["b"] = np.arange(50), RNG.normal(size=(50, 2))
    records["c"]["d"] = [b"x", b"yz"] * 25
    for part in (whole[::-1, ::2, 3], whole[:, :, 0].T, whole[3:7, 5], np.asfortranarray(whole[..., 1]),
                 np.broadcast_to(whole[0, 0], (4, 5)), whole[1:, 2, ::-2]):
        found = ndshm.describe(part)
        assert (found.rows, len(found)) == part.shape
        for column in range(part.shape[1]):
            assert found[column].name == str(column)
            same(found[column], part[:, column])
    same(ndshm.describe(whole[5, ::-3, 2])["value"], whole[5, ::-3, 2])
    same(ndshm.describe(whole)[0], whole.ravel())
    assert ndshm.describe(np.array(2.5))[0].mean == 2.5
    found = ndshm.describe(records[::-2])
    assert [column.name for column in found] == ["a", "b[0]", "b[1]", "c.d"]
    same(found["a"], records["a"][::-2])
    same(found["b[1]"], records["b"][::-2, 1])
    assert (found["c.d"].min, found["c.d"].top) == (b"yz", [(b"yz", 25)])
    same(ndshm.describe(records["a"])["value"], records["a"])


def test_texts_and_times():
    found = ndshm.describe(np.array(["b", "ü", "", "b", "a"]))[0]
    assert (found.count, found.missing, found.min, found.max) == (4, 1, "a", "ü")
    assert (found.top, found.distinct, found.mean) == ([("b", 2), ("a", 1), ("ü", 1)], 3, None)
    assert ndshm.describe(np.array([b"\xfc", b"a\0b", b""]))[0].top == [(b"a\0b", 1), (b"\xfc", 1)]
    for kind in ("M8[D]", "M8[10m]", "m8[ns]", ">M8[s]"):
        times = np.array([3, 1, np.iinfo("i8").min, 5, 5]).astype(kind)
        found = ndshm.describe(times)[0]
        assert (found.count, found.missing, found.mean) == (4, 1, 3.5)
        assert (found.min, found.max) == (times[1], times[3])
        assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert ndshm.describe(np.array([1 + 2j, np.nan]))[0].count == 1
    assert ndshm.describe(np.zeros(3, "V4"))[0].count == 3


def test_infinity_nothing_and_the_largest_integers():
    found = ndshm.describe(np.array([1, np.inf, -0.0]))[0]
    assert (found.min, found.max, found.mean) == (0, math.inf, math.inf)
    assert math.isnan(found.std)
    found = ndshm.describe(np.zeros(0))[0]
    assert (found.count, found.min, found.mean, found.distinct, found.histogram) == (0, None, None, None, None)
    found = ndshm.describe(np.array([2**64 - 1, 2**64 - 2], "u8"))[0]
    assert (found.max, found.min) == (2**64 - 1, 2**64 - 2)
    found = ndshm.describe(np.array([-2**63, 2**63 - 1]))[0]
    assert (found.max, found.min, found.mean) == (2**63 - 1, -2**63, -0.5)


def alike(one, other):
    """Two descriptions say the same."""
    assert (one.rows, len(one)) == (other.rows, len(other))
    for a, b in zip(one, other):
        assert repr(a) == repr(b)
        assert (a.mean, a.std, a.top, a.quantiles) == (b.mean, b.std, b.top, b.quantiles)


def test_segments_files_and_text_are_described_alike(name, folder, monkeypatch):
    h5py = pytest.importorskip("h5py")
    rows = np.zeros(20_000, [("chr", "S5"), ("pos", "<i4"), ("pct", "<f8")])
    rows["chr"] = [f"chr{i % 7}".encode() for i in range(len(rows))]
    rows["pos"], rows["pct"] = RNG.integers(0, 10**6, len(rows)), RNG.integers(0, 10**6, len(rows)) / 64
    meant = ndshm.describe(rows)
    with ndshm.create(name, rows.shape, rows.dtype) as segment:
        segment.array[:] = rows
        alike(ndshm.describe(segment), meant)  # a draft
        segment.publish()
        for what in (segment, name, segment.array, segment.array[:]):
            alike(ndshm.describe(what, threads=3), meant)
    np.save(folder / "a.npy", rows)
    with h5py.File(folder / "a.h5", "w") as file:
        file.create_dataset("g/x", data=rows, chunks=(1000,), compression="gzip")
        file["y"] = 1
    for what in (folder / "a.npy", str(folder / "a.npy"), f"{folder}/a.h5:/g/x", folder / "a.h5:g/x"):
        alike(ndshm.describe(what), meant)
    lines = "\n".join(f"{c.decode()},{pos},{pct}" for c, pos, pct in rows.tolist())
    text = "chr,pos,pct\n" + lines + "\n"
    (folder / "a.csv").write_text(text)
    how = {"delimiter": ",", "header": True}
    types = "chr:S5,pos:i4,pct:f8"
    for what in (folder / "a.csv", str(folder / "a.csv"), [folder / "a.csv"], io.StringIO(text)):
        alike(ndshm.describe(what, dtype=types, **how), meant)
    assert ndshm.describe(folder / "a.csv", **how)["chr"].top == meant["chr"].top
    assert len(ndshm.describe([folder / "a.csv", io.StringIO(text)], dtype=types, **how)["pos"].top) == 10
    assert ndshm.describe([folder / "a.csv"] * 2, dtype=types, workers=2, **how).rows == 40_000
    # A name is a segment's only if there is no such file, and a path never.
    monkeypatch.chdir(folder)
    with ndshm.create("a.csv", 3) as other:
        other.publish()
        assert ndshm.describe("a.csv", **how).rows == 20_000
    with ndshm.create(name, 3) as other:
        other.publish()
        with pytest.raises(FileNotFoundError):
            ndshm.describe(folder / name)


def test_options_and_what_is_refused(folder):
    table = RNG.normal(size=(100, 4))
    found = ndshm.describe(table, columns=["2", "0"], quick=True)
    assert [column.name for column in found] == ["2", "0"]
    assert (found["0"].distinct, found["0"].quantiles, found["0"].histogram) == (None, {}, None)
    assert found["2"].mean == exact_mean(table[:, 2])
    assert ndshm.describe(table, columns="3")[0].name == "3"
    seen = []
    ndshm.describe(table, progress=seen.append)
    assert (seen[-1].done, seen[-1].rows) == (True, 100)
    with pytest.raises(KeyError):
        found["1"]
    with pytest.raises(ndshm.ArgumentError, match="no column is named '9'"):
        ndshm.describe(table, columns="9")
    with pytest.raises(TypeError, match="cannot be described"):
        ndshm.describe(np.array([1, "x"], object))
    with pytest.raises(TypeError, match="masked"):
        ndshm.describe(np.ma.masked_equal([1, 2], 1))
    with pytest.raises(TypeError, match="for text"):
        ndshm.describe(table, delimiter=",")
    with pytest.raises(FileNotFoundError):
        ndshm.describe("there-is-no-such-thing")
    (folder / "bad.txt").write_text("1 2\n3 x\n4 5\n")
    with pytest.raises(ndshm.TextError) as raised:
        ndshm.describe(folder / "bad.txt", dtype="i4")
    assert (raised.value.line, raised.value.column) == (2, 2)
    found = ndshm.describe(folder / "bad.txt", dtype="i4", on_bad_rows="skip")
    assert (found.rows, found.bad_rows, found["1"].max) == (2, 1, 5)
    assert "bad.txt:2:2" in found.bad_row_messages[0]


def test_how_it_looks():
    rows = np.array([(1, 2.5, "<a>"), (4, np.nan, "x"), (4, 0.5, "<a>")], [("pos", "i4"), ("pct", "f8"), ("t", "U40")])
    found = ndshm.describe(rows)
    assert repr(found).split("\n") == [
        "3 rows, 3 columns",
        "",
        "     type  count  missing  distinct  mean      std  min  25%  50%  75%  max  top",
        "pos    i4      3        0         2     3  1.73205    1  2.5    4    4    4  4 (2)",
        "pct    f8      2        1         2   1.5  1.41421  0.5    1  1.5    2  2.5",
        "t     U40      3        0         2                 <a>                   x  <a> (2)",
    ]
    assert "&lt;a&gt; (2)" in found._repr_html_()
    assert "<a>" not in found._repr_html_()
    assert repr(found["pct"]).split("\n")[:3] == ["name      pct", "type      f8", "count     2"]
    wide = repr(ndshm.describe(np.zeros((2, 100))))
    assert len(wide.split("\n")) == 64
    assert "\n..." in wide
    numbers = [0.0, -0.5, 123456.7, 999999.5, 2 / 3, 1e15, 1.5e-7, 1e-4, 76784113.2, math.nan, -math.inf]
    told = [ndshm._description.short(x) for x in numbers]
    assert told == ["0", "-0.5", "123457", "1000000", "0.666667", "1e15", "1.5e-7", "0.0001", "76784113", "nan", "-inf"]
    times = ndshm.describe(np.array(["2020-01-01", "2020-01-03"], "M8[D]"))
    assert "2020-01-02" in repr(times)
    lines = ["0 rows, 1 column", "", "       type  count  missing", "value    f8      0        0"]
    assert repr(ndshm.describe(np.zeros(0))) == "\n".join(lines)
