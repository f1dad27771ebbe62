"""The three workloads: their files, and how their text is to be read. Standard library only."""
import os
from dataclasses import dataclass

CALL_FIELDS = [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4"), ("c", "<i4"), ("t", "<i4")]
CHROMOSOMES = [f"chr{n}" for n in range(1, 23)] + ["chrX", "chrY", "chrM"]


@dataclass(frozen=True)
class Workload:
    """One set of text tables that becomes one HDF5 file."""

    title: str
    files: tuple
    rows: int  # in each file, at scale 1
    columns: int
    delimiter: str
    fields: list = None  # None: all columns are float64

    def names(self):
        """The datasets, in the order of the files."""
        return [os.path.splitext(f)[0] for f in self.files]

    def paths(self, folder):
        return [os.path.join(folder, f) for f in self.files]

    def dtype_text(self):
        return repr(self.fields) if self.fields else "<f8"


WORKLOADS = {
    "meth": Workload("methylation calls", tuple(f"calls_{n}.tsv" for n in range(4)), 2_500_000, 5, "\t", CALL_FIELDS),
    "grid": Workload("grid, 6 decimals", ("grid.csv",), 500_000, 100, ","),
    "full": Workload("all digits", ("full.txt",), 500_000, 20, " "),
}


def folder_for(scale):
    """Where the tables of a scale lie: beside the build outputs."""
    root = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "target", "bench-data")
    return os.path.normpath(os.path.join(root, f"scale-{scale:g}"))
