"""The tables: their files, sizes, and how their text is to be read. Standard library only."""
import os
from dataclasses import dataclass, replace
from typing import Optional

CALL_FIELDS = [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4"), ("c", "<i4"), ("t", "<i4")]
CHROMOSOMES = [f"chr{n}" for n in range(1, 23)] + ["chrX", "chrY", "chrM"]
SMALL_FILES = 10_000  # of 1 kB, at scale 1
GROWTH_MB = [1, 10, 100, 1000, 4000]  # at scale 1
GROWTH_PERIOD_MB = 10  # a larger table of the growth has this much text again and again
CALL_BYTES = 23.8  # of a row of methylation calls, about


@dataclass(frozen=True)
class Workload:
    """One set of text tables."""

    title: str
    files: tuple
    rows: int  # in each file
    columns: int
    delimiter: str
    fields: Optional[list] = None  # None: all columns are float64

    def names(self):
        """The datasets, in the order of the files."""
        return [os.path.splitext(os.path.basename(f))[0] for f in self.files]

    def paths(self, folder):
        return [os.path.join(folder, f) for f in self.files]

    def text_bytes(self, folder):
        return sum(os.path.getsize(p) for p in self.paths(folder))

    def dtype_text(self):
        return repr(self.fields) if self.fields else "<f8"

    def array_bytes(self):
        """Of all its rows, as an array."""
        each = sum(int(kind.lstrip("<Sif")) for _, kind in self.fields) if self.fields else 8 * self.columns
        return len(self.files) * self.rows * each

    def column_names(self):
        return [name for name, _ in self.fields] if self.fields else [f"c{n}" for n in range(self.columns)]


# The three that every row of text is measured with.
MAIN = {
    "meth": Workload("methylation calls", tuple(f"calls_{n}.tsv" for n in range(4)), 2_500_000, 5, "\t", CALL_FIELDS),
    "grid": Workload("grid, 6 decimals", ("grid.csv",), 500_000, 100, ","),
    "full": Workload("all digits", ("full.txt",), 500_000, 20, " "),
}


def scaled(number, scale, least=1):
    return max(least, round(number * scale))


def growth_sizes(scale):
    """Megabytes of text, ascending."""
    return sorted({round(mb * scale, 3) for mb in GROWTH_MB})


def growth_keys(scale):
    return [f"grow{mb:g}" for mb in growth_sizes(scale)]


def workload(key, scale):
    """One of the three, `many`, `ten`, or `growMB`, at this scale."""
    if key in MAIN:
        return replace(MAIN[key], rows=scaled(MAIN[key].rows, scale))
    if key == "ten":
        return Workload("one file of ten rows", ("ten.csv",), 10, 4, ",")
    if key == "many":
        files = tuple(f"small/{n:05}.csv" for n in range(scaled(SMALL_FILES, scale, 10)))
        return Workload(f"{len(files):,} files of 1 kB", files, 25, 4, ",")
    mb = float(key[len("grow"):])
    return Workload(f"{mb:g} MB", (f"grow_{mb:g}.tsv",), scaled(mb, 1e6 / CALL_BYTES), 5, "\t", CALL_FIELDS)


def folder_for(root, scale):
    """Where the tables of a scale lie: beside the build outputs."""
    return os.path.join(root, "target", "bench-data", f"scale-{scale:g}")
