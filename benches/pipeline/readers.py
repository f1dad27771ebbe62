"""Text to one NumPy array, by each library: first its own table, then the array.

Both steps are separate, as the second is not always wanted: `parse` ends with what the library's users have
in hand, `to_array` with records or rows of the dtype that all agree on. Every library gets several files at
once if it can. Nothing is imported before `prepare`.
"""
import os


def prepare(library, threads):
    """Imports it, after saying how many threads it may have."""
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import numpy  # noqa: F401 - all of them end in its arrays

    for module in MODULES[library]:
        __import__(module)
    if library in ("pyarrow", "duckdb"):
        import pyarrow

        pyarrow.set_cpu_count(threads)


# ------------------------------------------------------------------ the library's own table


def parse_ndshm(work, paths, threads):
    import ndshm

    return ndshm.loadtxt(paths, work.fields or "f8", delimiter=work.delimiter, comments=None, workers=threads, concat=True,
                         ndmin=1 if work.fields else 2)


def parse_numpy(work, paths, threads):
    import numpy as np

    return [np.loadtxt(path, work.fields or "f8", delimiter=work.delimiter, comments=None, ndmin=1 if work.fields else 2)
            for path in paths]


def parse_pandas(work, paths, threads):
    import pandas as pd

    types = {"chr": "category", "pos": "int32", "pct": "float32", "c": "int32", "t": "int32"}
    frames = [pd.read_csv(path, sep=work.delimiter, header=None, names=work.column_names(), na_filter=False, engine="c",
                          dtype=types if work.fields else "float64") for path in paths]
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def parse_polars(work, paths, threads):
    import polars as pl

    kinds = [pl.Categorical, pl.Int32, pl.Float32, pl.Int32, pl.Int32] if work.fields else [pl.Float64] * work.columns
    options = {"separator": work.delimiter, "has_header": False, "quote_char": None,
               "schema": dict(zip(work.column_names(), kinds))}
    return pl.read_csv(paths[0], **options) if len(paths) == 1 else pl.scan_csv(paths, **options).collect()


def parse_pyarrow(work, paths, threads):
    import pyarrow as pa
    from pyarrow import csv

    names = work.column_names()
    call_types = [pa.dictionary(pa.int32(), pa.string()), pa.int32(), pa.float32(), pa.int32(), pa.int32()]
    kinds = call_types if work.fields else [pa.float64()] * work.columns
    read = csv.ReadOptions(column_names=names, use_threads=threads > 1, block_size=4 << 20 if work.fields else 1 << 20)
    how = csv.ParseOptions(delimiter=work.delimiter, quote_char=False)
    convert = csv.ConvertOptions(column_types=dict(zip(names, kinds)))
    return pa.concat_tables([csv.read_csv(path, read, how, convert) for path in paths])


def parse_duckdb(work, paths, threads):
    import duckdb

    sql = {"<i4": "INTEGER", "<f4": "FLOAT", "S10": "VARCHAR"}
    kinds = [sql[kind] for _, kind in work.fields] if work.fields else ["DOUBLE"] * work.columns
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in zip(work.column_names(), kinds))
    files = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    with duckdb.connect(config={"threads": threads}) as base:
        return base.execute(f"SELECT * FROM read_csv([{files}], delim='{work.delimiter}', header=false, auto_detect=false, "
                            f"quote='', escape='', columns={{{columns}}})").to_arrow_table()


# ------------------------------------------------------------------ from there to an array


def array_itself(work, array):
    return array


def array_from_list(work, arrays):
    import numpy as np

    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def array_from_pandas(work, frame):
    import numpy as np

    if not work.fields:
        return np.ascontiguousarray(frame.to_numpy())
    labels = frame["chr"].cat
    columns = [(labels.categories, labels.codes.to_numpy())] + [frame[n].to_numpy() for n in work.column_names()[1:]]
    return records(work, columns)


def array_from_polars(work, frame):
    import polars as pl

    if not work.fields:
        return frame.to_numpy(order="c")
    seen = frame["chr"].unique()
    known = dict(zip(seen.to_physical().to_list(), seen.cast(pl.String).to_list()))
    labels = [known.get(code, "") for code in range(max(known) + 1)]
    columns = [(labels, frame["chr"].to_physical().to_numpy())]
    return records(work, columns + [frame[n].to_numpy() for n in work.column_names()[1:]])


def array_from_arrow(work, table):
    import numpy as np

    if work.fields and table.num_rows and not hasattr(table.column(0).chunk(0), "dictionary"):
        table = table.set_column(0, "chr", table.column(0).dictionary_encode())
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
    names = work.column_names()
    out[names[0]] = np.array(list(labels), work.fields[0][1])[codes]
    for name, column in zip(names[1:], columns[1:]):
        out[name] = column
    return out


PARSERS = {
    "ndshm": (parse_ndshm, array_itself),
    "numpy": (parse_numpy, array_from_list),
    "pandas": (parse_pandas, array_from_pandas),
    "polars": (parse_polars, array_from_polars),
    "pyarrow": (parse_pyarrow, array_from_arrow),
    "duckdb": (parse_duckdb, array_from_arrow),
}
MODULES = {"ndshm": ["ndshm"], "numpy": ["numpy"], "pandas": ["pandas"], "polars": ["polars"],
           "pyarrow": ["pyarrow", "pyarrow.csv"], "duckdb": ["duckdb", "pyarrow"]}


def read(library, work, paths, threads):
    """Files -> one array."""
    parse, to_array = PARSERS[library]
    return to_array(work, parse(work, paths, threads))
