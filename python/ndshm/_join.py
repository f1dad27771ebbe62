"""Many HDF5 files as one, and whether a file is whole."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass

from . import _file_structs as file_structs
from . import _structs as structs
from ._file_library import file_library
from ._hdf5 import hdf5_options
from ._jobs import Work
from ._progress import Reporter


@dataclass(frozen=True)
class Joined:
    """What was joined: how many shards, to how many datasets, in a file of so many bytes."""

    shards: int
    datasets: int
    nbytes: int


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file: where, the sort of problem as a word that never changes, and a sentence."""

    file: str
    dataset: str | None
    kind: str
    message: str


@dataclass(frozen=True)
class Verified:
    """What came out of verifying; true if the file is whole. Without shards it is not a joined one."""

    problems: tuple[Problem, ...]
    shards: int
    datasets: int
    checksums: int

    def __bool__(self) -> bool:
        return not self.problems


def join(shards: Sequence[str | os.PathLike[str]], output: str | os.PathLike[str], *,
         datasets: Sequence[str] | None = None, new_axis: bool = False, materialize: bool = False,
         checksum: bool = False, replace: bool = False, sync: bool = False, layout: str = "auto",
         compression: str | None = None, level: int | None = None, shuffle: bool = True, fletcher32: bool = False,
         chunk: int | Sequence[int] | None = None, workers: int | None = None, memory: int | None = None,
         progress: Reporter = None) -> Joined:
    """Joins HDF5 files to one small file that refers to them, or with `materialize` to one that has their rows.

    Rows of a dataset lie one behind the other, or with `new_axis` along a new first axis. `datasets` are paths, all if
    left out. HDF5 reads fill values where a shard is missing, and says nothing: `verify` before you trust.

    Rows that are copied lie as `layout`, `compression` and the like say, as for `convert`, packed by `workers`
    processes in `memory` bytes.

    Raises `ShardsError` where they do not fit together, `InputError`, `ExistsError`, `FileError`, `ArgumentError`.

    >>> import io
    >>> for part in "12":
    ...     _ = ndshm.convert(io.StringIO(part), f"{folder}/part-{part}.h5", dtype="i4", dataset="t")
    >>> joined = ndshm.join([folder + "/part-1.h5", folder + "/part-2.h5"], folder + "/joined.h5")
    >>> joined.shards, bool(ndshm.verify(folder + "/joined.h5"))
    (2, True)
    """
    files = [os.fspath(shard) for shard in shards]
    names, paths = structs.texts(list(datasets or [])), structs.texts(files)
    options = structs.sized(file_structs.JoinOptions, replace=replace, sync=sync, new_axis=new_axis, checksum=checksum,
                            materialize=materialize, datasets=names, datasets_len=len(names), workers=workers or 0,
                            memory=memory or 0)
    stored = hdf5_options(layout=layout, compression=compression, level=level, shuffle=shuffle, fletcher32=fletcher32,
                          chunk=chunk)
    if (layout, compression, chunk, fletcher32) != ("auto", None, None, False):
        options.hdf5 = ctypes.pointer(stored)
    made = structs.sized(file_structs.Joined)
    Work(files).run(
        lambda job, error: file_library().ndshm_join_start(paths, len(files), os.fsencode(output), options, job, error),
        lambda job, error: file_library().ndshm_join_finish(job, made, error), progress)
    return Joined(made.shards, made.datasets, made.bytes)


def verify(file: str | os.PathLike[str], *, quick: bool = False, progress: Reporter = None) -> Verified:
    """Looks whether an HDF5 file is whole: of a joined one, whether all shards are there and as they were.

    `quick` leaves out the checksums. A file that is not whole is not an exception: the result is false, and has the
    problems.

    >>> import io
    >>> _ = ndshm.convert(io.StringIO("1 2"), folder + "/doc-whole.h5", dtype="i4", dataset="t")
    >>> bool(ndshm.verify(folder + "/doc-whole.h5"))
    True
    >>> with open(folder + "/doc-whole.h5", "r+b") as file:
    ...     _ = file.truncate(1000)
    >>> [problem.kind for problem in ndshm.verify(folder + "/doc-whole.h5").problems]
    ['truncated']
    """
    problems: list[Problem] = []

    def note(path: bytes, dataset: bytes | None, kind: bytes, message: bytes, _user: object) -> int:
        problems.append(Problem(os.fsdecode(path), None if dataset is None else dataset.decode(errors="replace"),
                                kind.decode(), message.decode(errors="replace")))
        return 0

    found, telling = structs.sized(file_structs.Verified), file_structs.ProblemFunction(note)
    Work([file]).run(lambda job, error: file_library().ndshm_verify_start(os.fsencode(file), quick, job, error),
                     lambda job, error: file_library().ndshm_verify_finish(job, telling, None, found, error), progress)
    return Verified(tuple(problems), found.shards, found.datasets, found.checksums)
