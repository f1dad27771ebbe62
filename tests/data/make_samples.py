#!/usr/bin/env python3
"""Writes the sample tables in this folder, and what np.loadtxt makes of them.

    make_samples.py            writes the tables, the .npy files and expected.json
    make_samples.py --check    writes them elsewhere and compares: exit status 1 if one differs

The same script gives the same bytes: values come from Python's `random` with fixed
seeds. expected.json lists the cases; each has a sample, a dtype in the words that
`ndshm convert --dtype` takes, np.loadtxt's options, and the .npy with the result.
Results are (rows, columns) for a scalar dtype and (rows,) for a structured one.
"""
import argparse
import ast
import filecmp
import json
import os
import random
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))

CALLS = "[('chr', 'S10'), ('pos', '<i4'), ('pct', '<f4'), ('c', '<i4'), ('t', '<i4')]"
PRICES = (
    "[('date', 'S10'), ('ticker', 'S8'), ('name', '<U12'), ('open', '<f8'), ('high', '<f8'), "
    "('low', '<f8'), ('close', '<f8'), ('volume', '<i8')]"
)

# name, sample, dtype, options of np.loadtxt. The first case of a sample has its name.
CASES = [
    ("sample_a", "sample_a.tsv", CALLS, {"delimiter": "\t"}),
    ("sample_b", "sample_b.tsv", CALLS, {"delimiter": "\t"}),
    ("sample_a_spaces", "sample_a.tsv", CALLS, {}),
    ("climate_grid", "climate_grid.csv", "<f8", {"delimiter": ","}),
    ("climate_grid_f4", "climate_grid.csv", ">f4", {"delimiter": ","}),
    (
        "climate_grid_part",
        "climate_grid.csv",
        "<f8",
        {"delimiter": ",", "usecols": [0, -1, 2, 2], "skiprows": 5, "max_rows": 20},
    ),
    ("every_dtype", "every_dtype.txt", "@every_dtype.dtype", {}),
    ("prices", "prices.csv", PRICES, {"delimiter": ";", "comments": None, "skiprows": 1}),
    (
        "prices_closes",
        "prices.csv",
        "<f8",
        {"delimiter": ";", "comments": None, "skiprows": 1, "usecols": [6, -1]},
    ),
    (
        "prices_names",
        "prices.csv",
        "U6",
        {"delimiter": ";", "comments": None, "skiprows": 1, "usecols": [2, 1]},
    ),
]


# ------------------------------------------------------------------ methylation calls

CHROMOSOMES = [("chr1", 248956422), ("chr2", 242193529), ("chr7", 159345973), ("chr11", 135086622),
               ("chr21", 46709983), ("chrX", 156040895), ("chrM", 16569)]


def methylation(seed, rows):
    """Tab separated: chromosome, position, percent methylated, and the two counts."""
    rng = random.Random(seed)
    total = sum(length for _, length in CHROMOSOMES)
    out = []
    for name, length in CHROMOSOMES:
        sites = max(5, rows * length // total)
        for pos in sorted(rng.sample(range(1, length), sites)):
            depth = 1 + min(int(rng.expovariate(0.08)), 400)
            level = rng.betavariate(9, 1.2) if rng.random() < 0.7 else rng.betavariate(1, 8)
            c = sum(rng.random() < level for _ in range(depth))
            out.append("%s\t%d\t%.6g\t%d\t%d\n" % (name, pos, 100.0 * c / depth, c, depth - c))
    return "".join(out).encode()


# ------------------------------------------------------------------ climate grid


def climate(seed, rows, columns):
    """Comma separated temperatures, one line per time step, one column per latitude."""
    rng = random.Random(seed)
    out = ["# temperature in degC, one row per month, one column per latitude band\n"]
    for month in range(rows):
        season = 11.0 * np.sin(month / 12 * 2 * np.pi)
        cells = []
        for band in range(columns):
            latitude = 2.0 * band / (columns - 1) - 1.0
            cells.append("%.6f" % (28 - 45 * latitude**2 + season * latitude + rng.gauss(0, 1.5)))
        out.append(",".join(cells) + "\n")
        if month % 24 == 23:
            out.append("# end of year %d\n" % (month // 12))
    return "".join(out).encode()


# ------------------------------------------------------------------ prices

COMPANIES = [("ACME", "Acme plc"), ("BRK#A", "Brücke AG"), ("CAFÉ", "Café Société"), ("7203", "日本自動車"),
             ("OMG", ""), ("X", "X"), ("LONGNAME9", "A name that is too long for it")]


def prices(seed, days):
    """Semicolon separated, with a header line, text in two of the columns, '#' as data."""
    rng = random.Random(seed)
    out = ["date;ticker;name;open;high;low;close;volume\n"]
    last = {ticker: rng.uniform(3, 400) for ticker, _ in COMPANIES}
    for day in range(days):
        date = "2024-%02d-%02d" % (1 + day // 28, 1 + day % 28)
        for ticker, name in COMPANIES:
            opened = last[ticker] * rng.uniform(0.98, 1.02)
            close = opened * rng.uniform(0.95, 1.05)
            high, low = max(opened, close) * 1.01, min(opened, close) * 0.99
            volume = int(rng.lognormvariate(14, 2))
            out.append("%s;%s;%s;%.4f;%.4f;%.4f;%r; %d \n"
                       % (date, ticker, name, opened, high, low, close, volume))
            last[ticker] = close
    return "".join(out).encode()


# ------------------------------------------------------------------ every dtype


def integers(bits, signed):
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    pool = [0, 1, low, high, high - 1, low + 1, high // 2, 7, 42, 100]
    texts = [str(v) for v in pool] + ["+5", "007", "+0", "000000000000000000000000000012"]
    return texts + (["-0", "-1", "-007"] if signed else [])


HALVES = [
    "0", "-0.0", "1", "0.333251953125", "65504", "-65504", "65519.999999999", "65520", "-65520", "1e5",
    "6e-8", "5.9604644775390625e-08", "2.98023223876953125e-08", "2.9802322387695315e-08", "1e-8",
    "6.103515625e-05", "6.097555160522461e-05", "1.00048828125", "1.000488281250001", "1.00146484375",
    "2049", "2051", "inf", "-inf", "nan", "-nan", "1e400",
]
SINGLES = [
    "0", "-0.0", "1", "0.1", "3.4028234663852886e38", "3.4028235677973366e+38", "3.4028235677973362e+38",
    "1e39", "-1e39", "1.401298464324817e-45", "7.006492321624085e-46", "7.0064923216240862e-46", "1e-46",
    "1.1754943508222875e-38", "1.1754942e-38", "16777217", "16777219", "16777217.0000001",
    "1.00000005960464477539062500000000001", "1.000000059604644775390625", "0.3333333333333333333333333333",
    "Infinity", "-inf", "NaN", "-NaN", "9.5367431640625e-07",
]
TIE = "9007199254740993"
DOUBLES = [
    "0", "-0", "-0.0", "0.0000000000000000000000000", "1", "+1.", ".5", "-.5e+01", "5E-1", "1e0", "1e+00023",
    "0.1", "0.30000000000000004", "1.7976931348623157e308", "1.7976931348623158e308",
    "1.7976931348623159e308", "1e309", "-1e400", "1e-400", "4.9e-324", "5e-324", "-4.9406564584124654e-324",
    "2.4703282292062328e-324", "2.4703282292062327e-324", "2.2250738585072011e-308",
    "2.2250738585072014e-308", "2.225073858507201e-308", TIE, TIE + "." + "0" * 40, TIE + "." + "0" * 40 + "1",
    "9007199254740992.99999999999999999999", "1e22", "1e23", "8.988465674311580e307", "123456789012345678",
    "1234567890123456789012345678901234567890", "0." + "0" * 60 + "123456789", "3" * 400, "1" + "0" * 330,
    "6.0221407599999999e23", "1.0000000000000002", "0.99999999999999989", "2.2204460492503131e-16",
    "1.00000000000000011102230246251565404", "1.00000000000000011102230246251565405", "7.2057594037927933e16",
    "inf", "-INF", "+Infinity", "nan", "-nan", "+NaN", "-3.1415926535897931", "299792458", "1.6e-35",
]
COMPLEX = [
    "0", "1", "-0.0", "1+2j", "1-2j", "(1+2j)", "(-1.5e3-2.5E-3j)", "4j", "-4j", "(7)", "(7j)", "1+-2j", "1++2j",
    "-0.0-0.0j", "0-0j", "nan+infj", "inf-infj", "-nan-nanj", "nanj", "infj", "1e400-1e400j", "1e-400+5e-324j",
    "0.1+0.2j", "16777217+16777219j", "1.00000005960464477539062500000000001-1j", ".5+.5j", "5.-5.j", "+1+1j",
]
ASCII = ["a", "ab", "abc", "abcd", "abcde", "abcdef", "longer-than-it", "0", "-", "\"q\"", "é", "xÿ", "a\\b", "~"]
TEXT = ["a", "ab", "abcd", "too-long-text", "é", "Ωß", "日本語", "日本語の長い文", "🙂", "🙂🙃🙂🙃🙂", "a\u0301", "é€🙂z", "\u200b"]
LAGS = ["0", "1", "-1", "86400000", "-9223372036854775807", "9223372036854775807", "+12", "NaT", "nat"]

RECORD = [("x", "<i4", integers(32, True)), ("y", ">f8", DOUBLES), ("tag", "S3", ASCII)]
PAIR = [("lat", "<f4", SINGLES), ("id", ">u2", integers(16, False))]


def columns():
    """(name, dtype or list of columns, extents, texts) for each field."""
    out = [("flag", "?", (), ["0", "1", "2", "-1", "+1", "00", "9223372036854775807"])]
    for size in (1, 2, 4, 8):
        for kind, signed in (("i", True), ("u", False)):
            texts = integers(8 * size, signed)
            out.append((f"{kind}{size}", f"<{kind}{size}" if size > 1 else f"{kind}1", (), texts))
            if size > 1:
                out.append((f"{kind}{size}_be", f">{kind}{size}", (), texts))
    for code, texts in (("f2", HALVES), ("f4", SINGLES), ("f8", DOUBLES), ("c8", COMPLEX), ("c16", COMPLEX)):
        out += [(code, "<" + code, (), texts), (code + "_be", ">" + code, (), texts)]
    out += [("s1", "S1", (), ASCII), ("s5", "S5", (), ASCII), ("u1_text", "<U1", (), TEXT)]
    out += [("u4_text", "<U4", (), TEXT), ("u4_text_be", ">U4", (), TEXT), ("lag", "<m8[ms]", (), LAGS)]
    out += [("vector", "<f4", (3,), SINGLES), ("matrix", ">i2", (2, 2), integers(16, True))]
    out += [("record", RECORD, (), None), ("pairs", PAIR, (2,), None)]
    return out


def descriptor(cols):
    """The list that np.dtype takes."""
    out = []
    for col in cols:
        name, kind, extents = col[0], col[1], col[2] if len(col) == 4 else ()
        inner = descriptor(kind) if isinstance(kind, list) else kind
        out.append((name, inner, extents) if extents else (name, inner))
    return out


def leaves(cols):
    """The list of texts of each leaf field, in the order of the file's columns."""
    out = []
    for col in cols:
        kind, extents, texts = col[1], col[2] if len(col) == 4 else (), col[-1]
        part = leaves(kind) if isinstance(kind, list) else [texts]
        out += part * (int(np.prod(extents)) if extents else 1)
    return out


def every_dtype(seed):
    """Whitespace separated; each column walks once through its list of texts, then picks at random."""
    rng = random.Random(seed)
    pools = leaves(columns())
    longest = max(map(len, pools))
    out = ["# every dtype that a text column can have, with the awkward values of each\n", "\n"]
    for row in range(longest + 15):
        cells = [rng.choice(p) if row >= len(p) else p[(row + 5 * k) % len(p)] for k, p in enumerate(pools)]
        gap = ["  ", " ", "\t", " \t ", "\u00a0", "\u3000"][row % 7 if row % 7 < 6 else 1]
        line = gap.join(cells)
        if row % 9 == 4:
            line = "   " + line + " \t"
        if row % 11 == 6:
            line += " # remark, with 1 2 3"
        out.append(line + ["\n", "\r\n", "\r\n", "\n", "\r"][row // 12 % 5])
        if row % 13 == 5:
            out.append(rng.choice(["\n", "  \t \r\n", "   # indented\n", "#\r\n", "\r\n\r\n"]))
    return "".join(out).rstrip("\n").encode()


# ------------------------------------------------------------------ results


def read_dtype(text, folder):
    """np.dtype from the words that --dtype takes."""
    if text.startswith("@"):
        with open(os.path.join(folder, text[1:]), encoding="utf-8") as f:
            text = f.read()
    text = text.strip()
    return np.dtype(ast.literal_eval(text) if text[:1] in "[{(" else text)


def load(folder, sample, dtype, options):
    """np.loadtxt with every axis kept."""
    path = os.path.join(folder, sample)
    with np.errstate(all="ignore"):
        return np.loadtxt(path, dtype, encoding="utf-8", ndmin=1 if dtype.names else 2, **options)


def write_tables(folder):
    tables = {
        "sample_a.tsv": methylation(1, 420),
        "sample_b.tsv": methylation(2, 350),
        "climate_grid.csv": climate(3, 60, 24),
        "prices.csv": prices(4, 40),
        "every_dtype.txt": every_dtype(5),
        "every_dtype.dtype": ("[" + ",\n ".join(map(repr, descriptor(columns()))) + "]\n").encode(),
    }
    for name, content in tables.items():
        with open(os.path.join(folder, name), "wb") as f:
            f.write(content)
    return list(tables)


def write_results(folder):
    names, cases = [], []
    for name, sample, text, options in CASES:
        array = load(folder, sample, read_dtype(text, folder), options)
        np.save(os.path.join(folder, name + ".npy"), array)
        names.append(name + ".npy")
        cases.append({"name": name, "sample": sample, "dtype": text, "options": options, "npy": name + ".npy"})
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8", newline="\n") as f:
        json.dump({"cases": cases}, f, indent=1)
        f.write("\n")
    return names + ["expected.json"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the files that are here, write nothing")
    args = parser.parse_args()
    if not args.check:
        names = write_tables(HERE) + write_results(HERE)
        print(f"{len(names)} files, {sum(os.path.getsize(os.path.join(HERE, n)) for n in names)} bytes")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        names = write_tables(folder) + write_results(folder)
        same, different, missing = filecmp.cmpfiles(folder, HERE, names, shallow=False)
    for name in different + missing:
        print(f"{name}: differs from what this script writes")
    print(f"{len(same)} passed, {len(different) + len(missing)} failed")
    return 1 if different or missing else 0


if __name__ == "__main__":
    sys.exit(main())
