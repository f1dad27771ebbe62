"""`ndshm import` of chunks that it unpacks itself, against h5py. Arguments: as for run.py."""
import itertools
import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from run import NDSHM, PREFIX, RANDOM, bad, fill, good, imported, path_of, refused, run, same  # noqa: E402

RECORD = np.dtype([("a", ">i4"), ("b", "<f8"), ("s", "S3"), ("c", "<i2", (3,))])
# The second has other tables of chunks.
BOUNDS = ["earliest", ("v110", "v110")]
PACKINGS = [
    {},
    {"shuffle": True},
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True, "fletcher32": True},
    {"fletcher32": True},
]


def some(dtype, shape):
    """Values that shrink, as rows do."""
    array = fill(np.zeros(shape, dtype))
    flat = array.reshape(-1)
    flat[: flat.size // 2] = flat[:1]
    return array


def check(file, path, wanted, *options):
    same(imported_with(f"{file}:/{path}", *options), wanted)


def imported_with(file, *options):
    if not options:
        return imported(file)
    import read_segment

    good("import", file, "--name", PREFIX + "in", "-q", *options)
    try:
        return read_segment.attach(PREFIX + "in")
    finally:
        good("rm", PREFIX + "in")


def case_small():
    """Every layout; by the command's own process, since there is little."""
    shapes = [((100,), (7,)), ((100,), (100,)), ((5,), (64,)), ((13, 9), (4, 3)), ((13, 9), (5, 9)),
              ((6, 7, 8), (4, 7, 8)), ((6, 7, 8), (4, 3, 8)), ((6, 7, 8), (2, 3, 5)), ((3, 2, 2, 2), (1, 1, 2, 2))]
    dtypes = [np.dtype("<f8"), np.dtype(">i2"), np.dtype("?"), np.dtype("S5"), RECORD]
    for bounds in BOUNDS:
        wanted = {}
        with h5py.File("small.h5", "w", libver=bounds) as file:
            for (shape, chunks), packing, dtype in itertools.product(shapes, PACKINGS, dtypes):
                if RANDOM.random() < 0.6:
                    continue
                path, array = f"d{len(wanted)}", some(dtype, shape)
                file.create_dataset(path, data=array, chunks=chunks, maxshape=[None, *shape[1:]], **packing)
                wanted[path] = array
        for path, array in wanted.items():
            check("small.h5", path, array)


def case_holes():
    """Chunks that are missing have the fill value; masks say which filters were left out."""
    for bounds, size in itertools.product(BOUNDS, [300, 300_000]):
        with h5py.File("holes.h5", "w", libver=bounds) as file:
            for i, value in enumerate([None, 0, -7, 2.5]):
                options = {"chunks": (size // 10, 4), "compression": "gzip", "fletcher32": True, "shuffle": True}
                made = file.create_dataset(f"d{i}", (size, 6), ">f8", fillvalue=value, **options)
                made[size // 3 : size // 2] = RANDOM.random((size // 2 - size // 3, 6))
            made = file.create_dataset("nothing", (size, 6), "<i4", chunks=(7 + size // 100, 2), fillvalue=3)
            made = file.create_dataset("record", (size,), RECORD, chunks=(size // 7,),
                                       fillvalue=np.array((1, 2, b"x", [3, 4, 5]), RECORD))
            made[: size // 9] = some(RECORD, (size // 9,))
            raw = RANDOM.integers(0, 99, (size, 3)).astype("<i4")
            made = file.create_dataset("masks", data=raw, chunks=(size // 10, 3), compression="gzip", shuffle=True)
            part = raw[: size // 10]
            made.id.write_direct_chunk((0, 0), part.tobytes(), filter_mask=3)
        with h5py.File("holes.h5") as file:
            for path in file:
                check("holes.h5", path, file[path][...])


def case_large():
    """By workers: any number of them makes the same."""
    shapes = [((3_000_000,), (50_000,)), ((1500, 1200), (70, 130)), ((150, 120, 100), (7, 120, 100)), ((150, 120, 100), (50, 50, 50))]
    with h5py.File("large.h5", "w") as file:
        for i, (shape, chunks) in enumerate(shapes):
            for k, packing in enumerate(PACKINGS):
                dtype = [np.dtype("<f8"), np.dtype(">i4")][(i + k) % 2]
                file.create_dataset(f"d{i}{k}", data=some(dtype, shape), chunks=chunks, **packing)
        file.create_dataset("record", data=some(RECORD, 200_000), chunks=5000, compression="gzip", shuffle=True)
        file.create_dataset("tiny", data=np.arange(2_000_000), chunks=100, compression="gzip")
    with h5py.File("large.h5") as file:
        for path in file:
            for options in [(), ("-j", "1"), ("--workers", "5")][: 3 if path in ("record", "d03") else 1]:
                check("large.h5", path, file[path][...], *options)


def case_user_block():
    array = some(np.dtype("<i4"), (5000, 3))
    with h5py.File("block.h5", "w", userblock_size=1024) as file:
        file.create_dataset("x", data=array, chunks=(77, 3), compression="gzip")
    check("block.h5", "x", array)
    # Somebody puts it in front later: no address of the file says so.
    with h5py.File("moved.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(77, 3), compression="gzip")
    with open("moved.h5", "rb") as file:
        content = file.read()
    with open("moved.h5", "wb") as file:
        file.write(b"x" * 512 + content)
    check("moved.h5", "x", array)


def case_zstd():
    rows = RANDOM.integers(0, 1000, (300_000, 3))
    np.savetxt("z.txt", rows, "%d")
    good("load", "z.txt", "--name", PREFIX + "z", "--dtype", "i4", "-q")
    import read_segment

    wanted = read_segment.attach(PREFIX + "z")
    for options in [[], ["--fletcher32"], ["--no-shuffle", "--chunks", "777,2"]]:
        good("convert", "z.txt", "-o", "z.h5", "-f", "--dtype", "i4", "--compress", "zstd:3", "-q", *options)
        same(imported("z.h5"), wanted)
    good("rm", PREFIX + "z")


def case_foreign():
    """What is not known goes through HDF5, as before."""
    array = some(np.dtype("<i4"), (3000, 4))
    with h5py.File("foreign.h5", "w") as file:
        file.create_dataset("lzf", data=array, chunks=(100, 4), compression="lzf")
        file.create_dataset("scale", data=array, chunks=(100, 4), scaleoffset=0)
        nine = file.create_dataset("nine", (2,) * 9, "<i4", chunks=(1,) * 9, compression="gzip")
        nine[...] = RANDOM.integers(0, 9, (2,) * 9)
        # Fletcher's checksum in front of deflate.
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_chunk((100, 4))
        create.set_fletcher32()
        create.set_deflate(4)
        space = h5py.h5s.create_simple(array.shape)
        made = h5py.h5d.create(file.id, b"order", h5py.h5t.NATIVE_INT32, space, create)
        made.write(h5py.h5s.ALL, h5py.h5s.ALL, array)
    refused("foreign.h5:/lzf", "foreign.h5: dataset '/lzf'")
    with h5py.File("foreign.h5") as file:
        for path in ["scale", "nine", "order"]:
            check("foreign.h5", path, file[path][...])


def places(path, name):
    with h5py.File(path) as file:
        made = file[name].id
        return [(c.chunk_offset, c.byte_offset, c.size) for c in map(made.get_chunk_info, range(made.get_num_chunks()))]


def case_damaged():
    """One byte of a chunk: an error that names the chunk, or another value, never a crash."""
    array = some(np.dtype("<f8"), (200_000, 4))
    with h5py.File("good.h5", "w") as file:
        file.create_dataset("sum", data=array, chunks=(10_000, 4), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("none", data=array, chunks=(10_000, 4), compression="gzip", shuffle=True)
    with open("good.h5", "rb") as file:
        content = file.read()
    for path, number in [("sum", 20), ("none", 30)]:
        all_places = places("good.h5", path)
        for _ in range(number):
            origin, at, size = all_places[RANDOM.integers(len(all_places))]
            place = at + int(RANDOM.integers(size))
            changed = bytearray(content)
            changed[place] ^= 1 << int(RANDOM.integers(8))
            with open("bad.h5", "wb") as file:
                file.write(changed)
            done = run("import", f"bad.h5:/{path}", "--name", PREFIX + "bad", "-q")
            if done.returncode == 0:
                assert path == "none", place
                good("rm", PREFIX + "bad")
                continue
            where = f"bad.h5: dataset '/{path}': the chunk at ({origin[0]}, 0): its bytes are damaged"
            assert done.returncode == 1 and where in done.stderr, (done, origin)
            assert not os.path.exists(path_of("bad"))
    # The file ends before its last chunks do.
    last = max(at + size for _, at, size in places("good.h5", "none"))
    with open("bad.h5", "wb") as file:
        file.write(content[: last - 50_000])
    refused("bad.h5:/none", "bad.h5")


def case_hostile():
    """Bytes in front of and between the chunks, where the tables are: an error, or the right data."""
    array = some(np.dtype("<i4"), (3000, 2))
    files = []
    for i, bounds in enumerate(BOUNDS):
        with h5py.File(f"good-{i}.h5", "w", libver=bounds) as file:
            options = {"compression": "gzip", "fletcher32": True, "fillvalue": 7}
            file.create_dataset("x", data=array, chunks=(100, 2), maxshape=(None, 2), **options)
        with open(f"good-{i}.h5", "rb") as file:
            content = file.read()
        rows = {i for _, at, size in places(f"good-{i}.h5", "x") for i in range(at, at + size)}
        files.append((content, [i for i in range(len(content)) if i not in rows]))
    for number in range(160):
        content, tables = files[number % 2]
        changed = bytearray(content)
        for _ in range(RANDOM.integers(1, 4)):
            changed[tables[RANDOM.integers(len(tables))]] = int(RANDOM.integers(256))
        with open("bad.h5", "wb") as file:
            file.write(changed)
        running = ["timeout", "20", NDSHM, "import", "bad.h5:/x", "--name", PREFIX + "bad", "-q"]
        done = subprocess.run(running, capture_output=True, text=True)
        # HDF5 itself may crash on such files, but not wait for ever.
        assert done.returncode in (0, 1, -signal.SIGSEGV, 139), done
        if done.returncode == 0:
            good("rm", PREFIX + "bad")


def tree_places(content):
    return [at for at in range(len(content)) if content[at : at + 5] == b"TREE\x01"]


def case_tree():
    """Trees that lead to themselves, or elsewhere."""
    array = np.arange(400_000, dtype="<i4")
    with h5py.File("tree.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=(1000,), compression="gzip")
    with open("tree.h5", "rb") as file:
        content = file.read()
    key = 8 + 8 * 2
    for at in tree_places(content):
        inner = content[at + 5] > 0
        for what in [at.to_bytes(8, "little"), b"\xff" * 8, (1 << 62).to_bytes(8, "little"), (at + 8).to_bytes(8, "little")]:
            changed = bytearray(content)
            place = at + 24 + key
            changed[place : place + 8] = what
            with open("bad.h5", "wb") as file:
                file.write(changed)
            message = bad("import", "bad.h5:/x", "--name", PREFIX + "bad", "-q")
            assert ("table of chunks" if inner else "chunk") in message, (message, at, what)
        changed = bytearray(content)
        changed[at + 6 : at + 8] = b"\xff\xff"
        with open("bad.h5", "wb") as file:
            file.write(changed)
        bad("import", "bad.h5:/x", "--name", PREFIX + "bad", "-q")
    # Two chunks in one place.
    leaf = [at for at in tree_places(content) if content[at + 5] == 0][0]
    changed = bytearray(content)
    first, second = leaf + 24, leaf + 24 + key + 8
    changed[second + 8 : second + 16] = changed[first + 8 : first + 16]
    with open("bad.h5", "wb") as file:
        file.write(changed)
    refused("bad.h5:/x", "bad.h5: dataset '/x': its table of chunks is damaged")


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def is_there(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def started():
    """An import that is about to unpack, and its workers."""
    running = subprocess.Popen([NDSHM, "import", "kills.h5:/x", "--name", PREFIX + "kills", "-q", "-j", "2"], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: running.poll() is not None or len(children(running.pid)) >= 4)
    return running, children(running.pid)


def case_kills():
    array = some(np.dtype("<i8"), 8_000_000)
    with h5py.File("kills.h5", "w") as file:
        file.create_dataset("x", data=array, chunks=20_000, compression="gzip", shuffle=True)
    import read_segment

    # A worker: another one does what it had.
    seen = 0
    for number in range(6):
        running, workers = started()
        for pid in workers[number % 3 :][:1]:
            time.sleep(0.003 * number)
            seen += running.poll() is None
            os.kill(pid, signal.SIGKILL)
        assert running.wait() == 0, running.stderr.read()
        same(read_segment.attach(PREFIX + "kills"), array)
        good("rm", PREFIX + "kills")
    assert seen > 2, seen
    # All of them: an error that says so.
    running, workers = started()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    said = running.communicate()[1]
    if running.returncode == 0:
        good("rm", PREFIX + "kills")
    else:
        assert "worker died" in said and "dataset '/x': the chunk at (" in said, said
    # The parent: neither a segment nor a process is left.
    seen = 0
    for number in range(8):
        running, workers = started()
        time.sleep(0.01 * number)
        running.send_signal(signal.SIGKILL)
        if running.wait() == 0:
            good("rm", PREFIX + "kills")
            continue
        seen += 1
        assert wait_until(lambda: not any(map(is_there, workers))), workers
        assert not os.path.exists(path_of("kills"))
    assert seen > 2, seen


if __name__ == "__main__":
    names = [name for name in dict(globals()) if name.startswith("case_")]
    for name in sys.argv[5:] or names:
        globals()[name]()
        print(name, "ok")
