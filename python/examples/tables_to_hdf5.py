"""Two text tables to one HDF5 file, and back into memory."""

import pathlib
import tempfile

import numpy as np

import ndshm

DTYPE = [("chr", "S10"), ("pos", "<i4"), ("pct", "<f4")]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [pathlib.Path(folder, f"{name}.tsv") for name in "ab"]
        for path in paths:
            path.write_text("".join(f"chr{i % 3}\t{i}\t{i / 10}\n" for i in range(1000)))
        made = ndshm.convert(paths, paths[0].with_name("all.h5"), dtype=DTYPE, compression="gzip")
        print(f"{made.rows} rows in {made.datasets} datasets")
        table = ndshm.import_(paths[0].with_name("all.h5"), dataset="a").array
        np.testing.assert_array_equal(table, ndshm.loadtxt(paths[0], dtype=DTYPE))
        print("mean:", table["pct"].mean())


if __name__ == "__main__":
    main()
