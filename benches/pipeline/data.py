"""Makes the tables, and beside each the exact values as .npy.

    python -m pipeline.data [--scale 0.1] [--only meth,grid,full,many,ten,grow] [--folder DIR] [--force]

meth  4 files of 2.5 M rows, tab separated: chromosome, position, percent ('%.6g'), two counts
grid  500 k rows of 100 temperatures, comma separated, '%.6f'
full  500 k rows of 20 numbers with all their digits, separated by one space
many  10,000 files of 1 kB: 25 rows of 4 numbers; `ten` is one file of ten such rows
grow  methylation calls in one file of 1 MB to 4 GB; beyond 10 MB the same rows come again and again

Every block of rows has a seed of its own, so the bytes do not depend on the number of
processes. A table that is there already is kept, unless --force.
"""
import argparse
import os
import sys
import time
from multiprocessing import Pool

import numpy as np

from . import machine
from .workloads import (
    CALL_BYTES,
    CALL_FIELDS,
    CHROMOSOMES,
    GROWTH_PERIOD_MB,
    MAIN,
    folder_for,
    growth_keys,
    workload,
)

BLOCK = 20_000
MOST_READS = 60
# About the lengths of the human chromosomes, in thousands of bases.
LENGTHS = np.array([248956, 242193, 198295, 190214, 181538, 170805, 159345, 145138, 138394, 133797, 135086, 133275, 114364,
                    107043, 101991, 90338, 83257, 80373, 58617, 64444, 46709, 50818, 156040, 57227, 17]) * 1000


def sites_per_chromosome(rows):
    """Rows in proportion to length; what rounding leaves over goes to the first."""
    sites = LENGTHS * rows // LENGTHS.sum()
    sites[0] += rows - sites.sum()
    return sites


def positions(rng, first, count, rows):
    """Chromosome and position of the rows from `first` on: each site lies in its own
    stretch of the chromosome, so positions ascend without looking at other blocks."""
    sites = sites_per_chromosome(rows)
    ends = np.cumsum(sites)
    row = np.arange(first, first + count)
    chromosome = np.searchsorted(ends, row, side="right")
    place = row - (ends - sites)[chromosome]
    stretch = LENGTHS[chromosome] / sites[chromosome]
    return chromosome, 1 + ((place + rng.random(count)) * stretch).astype(np.int64)


def counts(rng, count):
    """Reads of either kind at a site: mostly methylated, some sites not."""
    depth = np.minimum(rng.geometric(0.1, count), MOST_READS)
    high = rng.random(count) < 0.75
    level = np.where(high, rng.beta(10, 1.2, count), rng.beta(1.1, 8, count))
    c = rng.binomial(depth, level)
    return c, depth - c


def tails():
    """The last three columns as text, and the percentage, for every pair of counts."""
    texts, values = {}, {}
    for c in range(MOST_READS + 1):
        for t in range(MOST_READS + 1 - c):
            percent = "%.6g" % (100.0 * c / max(c + t, 1))
            texts[c, t] = f"{percent}\t{c}\t{t}\n"
            values[c, t] = float(percent)
    return texts, values


TAILS, PERCENTS = tails()


def calls_block(job):
    seed, first, count, rows, _ = job
    rng = np.random.default_rng(seed)
    chromosome, pos = positions(rng, first, count, rows)
    c, t = counts(rng, count)
    pairs = list(zip(c.tolist(), t.tolist()))
    text = "".join([f"{CHROMOSOMES[k]}\t{p}\t{TAILS[pair]}"
                    for k, p, pair in zip(chromosome.tolist(), pos.tolist(), pairs)])
    values = np.empty(count, CALL_FIELDS)
    values["chr"] = np.array(CHROMOSOMES, "S10")[chromosome]
    values["pos"], values["c"], values["t"] = pos, c, t
    values["pct"] = [PERCENTS[pair] for pair in pairs]
    return text.encode(), values


def grid_block(job):
    seed, first, count, _, columns = job
    rng = np.random.default_rng(seed)
    season = 10 * np.sin(np.arange(first, first + count) * (2 * np.pi / 365.25))[:, None]
    climate = 27 - 44 * np.linspace(-1, 1, columns) ** 2
    millionths = np.rint((climate + season + rng.normal(0, 3, (count, columns))) * 1e6)
    values = (millionths + 0.0) / 1e6
    row = ",".join(["%.6f"] * columns) + "\n"
    return "".join([row % tuple(r) for r in values.tolist()]).encode(), values


def full_block(job):
    seed, _, count, _, columns = job
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, columns))
    values[:, -2:] *= 10.0 ** rng.uniform(-12, 12, (count, 2))  # these need an exponent at times
    return "".join([" ".join(map(repr, r)) + "\n" for r in values.tolist()]).encode(), values


MAKERS = {"meth": calls_block, "grid": grid_block, "full": full_block}


def finish(path, values):
    """Both files get their names when they are complete."""
    np.save(path + ".part.npy", values)
    os.rename(path + ".part.npy", path + ".npy")
    os.rename(path + ".part", path)


def write_table(pool, key, index, path, work):
    """One of the main tables, block by block in order."""
    jobs = [((20250131, sorted(MAIN).index(key), index, first), first, min(BLOCK, work.rows - first), work.rows,
             work.columns) for first in range(0, work.rows, BLOCK)]
    values = []
    with open(path + ".part", "wb") as f:
        for text, block in pool.imap(MAKERS[key], jobs):
            f.write(text)
            values.append(block)
    finish(path, np.concatenate(values))


def write_small(_pool, key, index, path, work):
    """A file of 1 kB, or the ten rows."""
    text, values = grid_block(((20250131, 77, key == "ten", index), 0, work.rows, None, work.columns))
    with open(path + ".part", "wb") as f:
        f.write(text)
    finish(path, values)


def write_growing(_pool, key, _index, path, work):
    """Rows of one block, again and again; the values are kept once."""
    period = min(work.rows, round(GROWTH_PERIOD_MB * 1e6 / CALL_BYTES))
    text, values = calls_block(((20250131, 99), 0, period, period, None))
    ends = np.flatnonzero(np.frombuffer(text, "u1") == ord("\n")) + 1
    with open(path + ".part", "wb") as f:
        for _ in range(work.rows // period):
            f.write(text)
        rest = work.rows % period
        f.write(text[:ends[rest - 1] if rest else 0])
    finish(path, values)


def writer(key):
    return write_table if key in MAIN else write_growing if key.startswith("grow") else write_small


def make(scale, keys, folder, force=False, processes=machine.CORES, say=print):
    """Writes what is missing and says what there is."""
    with Pool(processes) as pool:
        for key in keys:
            work, start, written = workload(key, scale), time.perf_counter(), 0
            for index, path in enumerate(work.paths(folder)):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                if force or not (os.path.exists(path) and os.path.exists(path + ".npy")):
                    writer(key)(pool, key, index, path, work)
                    written += 1
            note = f"{written} files written in {time.perf_counter() - start:.1f} s" if written else "were there"
            say(f"{key}: {len(work.files)} x {work.rows:,} rows, {work.text_bytes(folder) / 1e6:.1f} MB, {note}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="rows, as a share of the full size (default 1)")
    parser.add_argument("--only", default="meth,grid,full,many,ten,grow", help="tables, separated by commas")
    parser.add_argument("--folder", help="where to write (default target/bench-data/scale-SCALE)")
    parser.add_argument("--force", action="store_true", help="write tables again that are there")
    args = parser.parse_args()
    keys = [key for word in args.only.split(",") for key in (growth_keys(args.scale) if word == "grow" else [word])]
    make(args.scale, keys, args.folder or folder_for(machine.ROOT, args.scale), args.force)


if __name__ == "__main__":
    sys.exit(main())
