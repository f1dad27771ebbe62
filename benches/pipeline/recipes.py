#!/usr/bin/env python3
"""What people use today to turn text tables into one HDF5 file, each recipe one process.

    recipes.py run RECIPE WORKLOAD FOLDER OUT.h5     does it
    recipes.py verify WORKLOAD FOLDER OUT.h5         compares a result with the exact values
    recipes.py versions                              versions of the libraries, as JSON

A recipe is a library and a way to use all cores: `LIBRARY` parses one file after the
other with the library's own threads, `LIBRARY-mp` starts one process per file, each
copying its table into a SharedMemory block that the parent writes with h5py.
`LIBRARY-gzip` compresses with HDF5's own filters, on one core; `LIBRARY-zlib` and
`LIBRARY-isal` compress chunks in threads and store them with write_direct_chunk.
"""
import json
import os
import sys
import warnings

from workloads import WORKLOADS

CORES = len(os.sched_getaffinity(0))


# ------------------------------------------------------------------ one file -> one NumPy array


def with_numpy(work, path, threads):
    import numpy as np

    return np.loadtxt(path, work.fields or "f8", delimiter=work.delimiter, comments=None)


def column_names(work):
    return [name for name, _ in work.fields] if work.fields else [f"c{n}" for n in range(work.columns)]


def with_pandas(work, path, threads):
    import numpy as np
    import pandas as pd

    names = column_names(work)
    types = {"chr": "category", "pos": "int32", "pct": "float32", "c": "int32", "t": "int32"}
    frame = pd.read_csv(path, sep=work.delimiter, header=None, names=names, na_filter=False, engine="c",
                        dtype=types if work.fields else "float64")
    if not work.fields:
        return np.ascontiguousarray(frame.to_numpy())
    labels = frame["chr"].cat
    columns = [(labels.categories, labels.codes.to_numpy())] + [frame[n].to_numpy() for n in names[1:]]
    return records(work, columns)


def with_polars(work, path, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import numpy as np
    import polars as pl

    names = column_names(work)
    kinds = [pl.Categorical, pl.Int32, pl.Float32, pl.Int32, pl.Int32] if work.fields else [pl.Float64] * work.columns
    frame = pl.read_csv(path, separator=work.delimiter, has_header=False, schema=dict(zip(names, kinds)),
                        quote_char=None)
    if not work.fields:
        return frame.to_numpy(order="c")
    seen = frame["chr"].unique()
    known = dict(zip(seen.to_physical().to_list(), seen.cast(pl.String).to_list()))
    labels = [known.get(code, "") for code in range(max(known) + 1)]
    columns = [(labels, frame["chr"].to_physical().to_numpy())]
    return records(work, columns + [frame[n].to_numpy() for n in names[1:]])


def with_pyarrow(work, path, threads):
    import numpy as np
    import pyarrow as pa
    from pyarrow import csv

    pa.set_cpu_count(threads)
    names = column_names(work)
    call_types = [pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.float32(), pa.int32(), pa.int32()]
    kinds = call_types if work.fields else [pa.float64()] * work.columns
    table = csv.read_csv(
        path,
        csv.ReadOptions(column_names=names, use_threads=threads > 1, block_size=4 << 20 if work.fields else 1 << 20),
        csv.ParseOptions(delimiter=work.delimiter, quote_char=False),
        csv.ConvertOptions(column_types=dict(zip(names, kinds))),
    )
    out = np.empty(table.num_rows, work.fields) if work.fields else np.empty((table.num_rows, work.columns))
    row = 0
    for batch in table.to_batches():
        part = out[row:row + batch.num_rows]
        row += batch.num_rows
        if work.fields:
            labels = batch.column(0)
            columns = [(labels.dictionary.to_pylist(), np.from_dlpack(labels.indices))]
            records(work, columns + [np.from_dlpack(c) for c in batch.columns[1:]], part)
        else:
            transpose(part, [np.from_dlpack(c) for c in batch.columns])
    return out


def transpose(out, columns, step=1024):
    """Columns into rows, by pieces that fit the cache."""
    for first in range(0, len(out), step):
        for n, column in enumerate(columns):
            out[first:first + step, n] = column[first:first + step]


def records(work, columns, out=None):
    """Columns into records; the first column comes as (labels, codes)."""
    import numpy as np

    labels, codes = columns[0]
    if out is None:
        out = np.empty(len(codes), work.fields)
    names = column_names(work)
    out[names[0]] = np.array(list(labels), work.fields[0][1])[codes]
    for name, column in zip(names[1:], columns[1:]):
        out[name] = column
    return out


READERS = {"numpy": with_numpy, "pandas": with_pandas, "polars": with_polars, "pyarrow": with_pyarrow}


# ------------------------------------------------------------------ all files -> one HDF5 file


def run_threads(reader, work, folder, out):
    import h5py

    with h5py.File(out, "w") as f:
        for name, path in zip(work.names(), work.paths(folder)):
            f.create_dataset(name, data=reader(work, path, CORES))


# ------------------------------------------------------------------ compressed


LEVEL = 4
CHUNK_BYTES = 1 << 20


def chunk_rows(array):
    return max(1, CHUNK_BYTES // (array.nbytes // max(1, len(array)) or 1))


def run_gzip(reader, work, folder, out):
    import h5py

    with h5py.File(out, "w") as f:
        for name, path in zip(work.names(), work.paths(folder)):
            array = reader(work, path, CORES)
            f.create_dataset(name, data=array, chunks=(chunk_rows(array), *array.shape[1:]),
                             compression="gzip", compression_opts=LEVEL, shuffle=True)


def packed(array, first, rows, compress):
    """One chunk as HDF5's filters would make it: shuffled, then a zlib stream."""
    import numpy as np

    part = array[first:first + rows]
    if len(part) < rows:
        whole = np.zeros((rows, *array.shape[1:]), array.dtype)
        whole[:len(part)] = part
        part = whole
    size = array.dtype.itemsize
    return compress(np.ascontiguousarray(part.view("u1").reshape(-1, size).T))


def run_direct(reader, work, folder, out, compress):
    from concurrent.futures import ThreadPoolExecutor

    import h5py

    with h5py.File(out, "w") as f, ThreadPoolExecutor(CORES) as pool:
        for name, path in zip(work.names(), work.paths(folder)):
            array = reader(work, path, CORES)
            rows = chunk_rows(array)
            dataset = f.create_dataset(name, array.shape, array.dtype, chunks=(rows, *array.shape[1:]),
                                       compression="gzip", compression_opts=LEVEL, shuffle=True)
            places = range(0, len(array), rows)
            for first, data in zip(places, pool.map(lambda at: packed(array, at, rows, compress), places)):
                dataset.id.write_direct_chunk((first,) + (0,) * (array.ndim - 1), data)


def run_zlib(reader, work, folder, out):
    import zlib

    run_direct(reader, work, folder, out, lambda data: zlib.compress(data, LEVEL))


def run_isal(reader, work, folder, out):
    from isal import isal_zlib

    # Its levels go to 3, which makes no larger files than zlib's lowest ones.
    run_direct(reader, work, folder, out, lambda data: isal_zlib.compress(data, 3))


# ------------------------------------------------------------------ a process for each file


def child(reader, work, path, name, queue):
    try:
        parse_and_send(reader, work, path, name, queue)
    except BaseException as error:
        queue.put((name, None, repr(error), None))
        raise


def parse_and_send(reader, work, path, name, queue):
    from multiprocessing.shared_memory import SharedMemory

    import numpy as np

    array = reader(work, path, max(1, CORES // len(work.files)))
    block = SharedMemory(create=True, size=array.nbytes)
    np.ndarray(array.shape, array.dtype, block.buf)[...] = array
    queue.put((name, block.name, array.shape, array.dtype))
    block.close()


def run_processes(reader, work, folder, out):
    import multiprocessing
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import SharedMemory

    import h5py
    import numpy as np

    resource_tracker.ensure_running()  # or each child starts one, which unlinks its block too early
    fork = multiprocessing.get_context("fork")
    queue = fork.Queue()
    children = [fork.Process(target=child, args=(reader, work, path, name, queue))
                for name, path in zip(work.names(), work.paths(folder))]
    for process in children:
        process.start()
    with h5py.File(out, "w") as f:
        for _ in children:
            name, shared, shape, dtype = queue.get()
            if shared is None:
                raise RuntimeError(f"{name}: {shape}")
            block = SharedMemory(name=shared)
            f.create_dataset(name, data=np.ndarray(shape, dtype, block.buf))
            block.close()
            block.unlink()
    for process in children:
        process.join()


def run(recipe, work, folder, out):
    library, _, way = recipe.partition("-")
    ways = {"": run_threads, "mp": run_processes, "gzip": run_gzip, "zlib": run_zlib, "isal": run_isal}
    ways[way](READERS[library], work, folder, out)


# ------------------------------------------------------------------ is the result right


def ulps(got, want):
    """(number of different values, largest distance in units of the last place; -1 if not floats)."""
    import numpy as np

    different = got != want
    if not different.any():
        return 0, 0
    if want.dtype.kind != "f":
        return int(different.sum()), -1
    bits = f"i{want.dtype.itemsize}"
    a, b = (np.ascontiguousarray(x[different]).view(bits).astype("i8") for x in (got, want))
    return int(different.sum()), int(np.abs(a - b).max())


def columns_of(array):
    """The record's fields, or the array by pieces of rows."""
    if array.dtype.names:
        return [array[n] for n in array.dtype.names]
    return [array[first:first + 50_000] for first in range(0, len(array), 50_000)]


def verify(work, folder, out):
    """{"different": values, "ulp": largest distance}, or {"fault": what is wrong}."""
    import h5py
    import numpy as np

    total, worst = 0, 0
    with h5py.File(out, "r") as f:
        if sorted(f) != sorted(work.names()):
            return {"fault": f"datasets {sorted(f)}"}
        for name, path in zip(work.names(), work.paths(folder)):
            want = np.load(path + ".npy", mmap_mode="r")
            if isinstance(f[name], h5py.Group):
                found = [f[name][n][...] for n in want.dtype.names]
            elif (f[name].shape, f[name].dtype) != (want.shape, want.dtype):
                return {"fault": f"{name} is {f[name].dtype} {f[name].shape}"}
            else:
                found = columns_of(f[name][...])
            for got, expected in zip(found, columns_of(want)):
                number, distance = ulps(got, expected)
                if distance < 0:
                    return {"fault": f"{name}: {number} values differ"}
                total, worst = total + number, max(worst, distance)
    return {"different": total, "ulp": worst}


def versions():
    """Version of each library that is installed."""
    out = {"python": sys.version.split()[0]}
    for name in ("numpy", "pandas", "polars", "pyarrow", "h5py", "isal"):
        try:
            out[name] = __import__(name).__version__
        except ImportError:
            continue
    if "h5py" in out:
        import h5py

        out["hdf5"] = h5py.version.hdf5_version
    return out


def main():
    warnings.simplefilter("ignore")
    action, *words = sys.argv[1:] or ["help"]
    if action == "run":
        run(words[0], WORKLOADS[words[1]], words[2], words[3])
    elif action == "verify":
        try:
            print(json.dumps(verify(WORKLOADS[words[0]], words[1], words[2])))
        except OSError as error:
            print(json.dumps({"fault": str(error)}))
    elif action == "versions":
        print(json.dumps(versions()))
    else:
        print(__doc__.strip())
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
