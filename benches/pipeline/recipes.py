"""What the timed Python processes do, each recipe a whole process.

    python -m pipeline.recipes array LIBRARY KEY SCALE FOLDER [--check]     text to arrays in memory
    python -m pipeline.recipes segment RECIPE KEY SCALE FOLDER NAME         text to SharedMemory NAME-0, NAME-1, ...
    python -m pipeline.recipes hdf5 RECIPE KEY SCALE FOLDER OUT.h5          text to one HDF5 file
    python -m pipeline.recipes versions                                     versions of the libraries, as JSON

A recipe is a library and a way to use all cores (or as many as `--threads N` says, before all the rest): `LIBRARY`
parses one file after the other with the library's own threads, `LIBRARY-mp` starts one process per file, each
copying its table into a SharedMemory block that the parent takes. `LIBRARY-gzip` compresses with HDF5's own filters,
on one core; `LIBRARY-zlib` and `LIBRARY-isal` compress chunks in threads and store them with write_direct_chunk.
"""
import json
import os
import sys
import time
import warnings

from . import readers
from .workloads import workload

CORES = len(os.sched_getaffinity(0))
LEVEL = 4
CHUNK_BYTES = 1 << 20
LIBRARIES = ("numpy", "pandas", "polars", "pyarrow", "duckdb", "h5py", "isal", "matplotlib")


# ------------------------------------------------------------------ text to arrays


def run_array(library, work, folder, threads):
    """The arrays, and the seconds of each step."""
    parse, to_array = readers.PARSERS[library]
    begin = time.perf_counter()
    readers.prepare(library, threads)
    imported = time.perf_counter()
    paths = work.paths(folder)
    groups = [paths] if len(paths) > 100 else [[path] for path in paths]
    parsed, made = 0.0, []
    for group in groups:
        start = time.perf_counter()
        table = parse(work, group, threads)
        parsed += time.perf_counter() - start
        made.append(to_array(work, table))
        del table
    end = time.perf_counter()
    return made, {"import": imported - begin, "parse": parsed, "convert": end - imported - parsed}


# ------------------------------------------------------------------ all files -> one HDF5 file


def run_threads(library, work, folder, out, threads):
    import h5py

    with h5py.File(out, "w") as f:
        for name, path in zip(work.names(), work.paths(folder)):
            f.create_dataset(name, data=readers.read(library, work, [path], threads))


def chunk_rows(array):
    return max(1, CHUNK_BYTES // (array.nbytes // max(1, len(array)) or 1))


def run_gzip(library, work, folder, out, threads):
    import h5py

    with h5py.File(out, "w") as f:
        for name, path in zip(work.names(), work.paths(folder)):
            array = readers.read(library, work, [path], threads)
            f.create_dataset(name, data=array, chunks=(min(len(array), chunk_rows(array)), *array.shape[1:]),
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


def run_direct(library, work, folder, out, threads, compress):
    from concurrent.futures import ThreadPoolExecutor

    import h5py

    with h5py.File(out, "w") as f, ThreadPoolExecutor(threads) as pool:
        for name, path in zip(work.names(), work.paths(folder)):
            array = readers.read(library, work, [path], threads)
            rows = min(len(array), chunk_rows(array))
            dataset = f.create_dataset(name, array.shape, array.dtype, chunks=(rows, *array.shape[1:]),
                                       compression="gzip", compression_opts=LEVEL, shuffle=True)
            places = range(0, len(array), rows)
            chunks = pool.map(lambda at, array=array, rows=rows: packed(array, at, rows, compress), places)
            for first, data in zip(places, chunks):
                dataset.id.write_direct_chunk((first,) + (0,) * (array.ndim - 1), data)


def run_zlib(library, work, folder, out, threads):
    import zlib

    run_direct(library, work, folder, out, threads, lambda data: zlib.compress(data, LEVEL))


def run_isal(library, work, folder, out, threads):
    from isal import isal_zlib

    # Its levels go to 3, which makes no larger files than zlib's lowest ones.
    run_direct(library, work, folder, out, threads, lambda data: isal_zlib.compress(data, 3))


# ------------------------------------------------------------------ shared memory


def copy_to_block(array, name=None):
    """A block with the array's bytes, which nobody removes when this process ends."""
    from multiprocessing import resource_tracker
    from multiprocessing.shared_memory import SharedMemory

    import numpy as np

    block = SharedMemory(name, create=True, size=array.nbytes)
    np.ndarray(array.shape, array.dtype, block.buf)[...] = array
    resource_tracker.unregister(block._name, "shared_memory")
    block.close()
    return block.name


def child(library, work, path, key, queue, threads, block):
    try:
        readers.prepare(library, threads)
        array = readers.read(library, work, [path], threads)
        queue.put((key, copy_to_block(array, block), array.shape, array.dtype))
    except BaseException as error:
        queue.put((key, None, repr(error), None))
        raise


def tables_of_children(library, work, folder, threads, blocks):
    """Starts a process for each file; their tables as they come: place, block, shape, dtype."""
    import multiprocessing
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # or each child starts one
    fork = multiprocessing.get_context("fork")
    queue, each = fork.Queue(), max(1, threads // len(work.files))
    children = [fork.Process(target=child, args=(library, work, path, n, queue, each, blocks and f"{blocks}-{n}"))
                for n, path in enumerate(work.paths(folder))]
    for process in children:
        process.start()
    for _ in children:
        n, block, shape, dtype = queue.get()
        if block is None:
            raise RuntimeError(f"{work.files[n]}: {shape}")
        yield n, block, shape, dtype
    for process in children:
        process.join()


def run_processes(library, work, folder, out, threads):
    from multiprocessing.shared_memory import SharedMemory

    import h5py
    import numpy as np

    with h5py.File(out, "w") as f:
        for n, name, shape, dtype in tables_of_children(library, work, folder, threads, None):
            block = SharedMemory(name=name)
            f.create_dataset(work.names()[n], data=np.ndarray(shape, dtype, block.buf))
            block.close()
            block.unlink()


def run_segment(recipe, work, folder, name, threads):
    library, _, way = recipe.partition("-")
    if way == "mp":
        list(tables_of_children(library, work, folder, threads, name))
        return
    readers.prepare(library, threads)
    for n, path in enumerate(work.paths(folder)):
        copy_to_block(readers.read(library, work, [path], threads), f"{name}-{n}")


# ------------------------------------------------------------------ command line


def run_hdf5(recipe, work, folder, out, threads):
    library, _, way = recipe.partition("-")
    if way != "mp":
        readers.prepare(library, threads)
    ways = {"": run_threads, "mp": run_processes, "gzip": run_gzip, "zlib": run_zlib, "isal": run_isal}
    ways[way](library, work, folder, out, threads)


def versions():
    """Version of each library that is installed."""
    out = {"python": sys.version.split()[0]}
    for name in LIBRARIES:
        try:
            module = __import__(name)
            out[name] = str(getattr(module, "__version__", None) or getattr(module, "version", "unknown"))
        except Exception:  # noqa: BLE001 - one that cannot be imported counts as missing, whatever it says
            continue
    if "h5py" in out:
        import h5py

        out["hdf5"] = h5py.version.hdf5_version
    return out


def main():
    warnings.simplefilter("ignore")
    words, threads = sys.argv[1:], CORES
    if words[:1] == ["--threads"]:
        threads, words = int(words[1]), words[2:]
    if words == ["versions"]:
        print(json.dumps(versions()))
        return 0
    if len(words) < 5:
        print(__doc__.strip())
        return 2
    kind, recipe, key, scale, folder, *rest = words
    work = workload(key, float(scale))
    if kind == "array":
        made, seconds = run_array(recipe, work, folder, threads)
        if rest:
            from . import equal

            seconds = equal.arrays(work, folder, made)
        print(json.dumps(seconds))
    else:
        {"hdf5": run_hdf5, "segment": run_segment}[kind](recipe, work, folder, rest[0], threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
