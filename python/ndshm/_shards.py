"""What `ndshm.dask` does without Dask: which files make which shard, what shards can be, how they become one file."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _codes as codes
from ._arguments import is_open, leaves
from ._convert import Conversion, convert
from ._errors import ArgumentError, ExistsError, FileError
from ._hdf5 import hdf5_options
from ._join import Joined, join, verify
from ._text import row_type, text_options

# Shards that are made if nobody says how many: joining takes a look at each.
MANY = 1000
# What is not said of each shard.
OWN = ("files", "output", "dtype", "progress", "workers", "replace", "append", "append_rows", "sync")
# How rows lie in a file: said of the one file, where one is made.
STORAGE = ("layout", "compression", "level", "shuffle", "fletcher32", "chunk")
COMPRESSED = (".gz", ".bz2", ".xz", ".lzma", ".zst")


def refused(message: str, kind: Any = ArgumentError, code: int = codes.ERR_ARGUMENT) -> Any:
    """An exception of this package, as the library's own have it."""
    error = kind(message)
    error.code = code
    return error


def checked_dtype(dtype: Any) -> str:
    """The text of a type that is the same in each shard."""
    text = row_type(dtype)
    if text in ("auto", ""):
        raise refused("dtype must be given: a type that is found may differ between shards; `ndshm describe` finds one")
    if any(is_open(leaf) for part in types_of(dtype) for leaf, _ in leaves(part)):
        raise refused(f"dtype needs widths and units, as S10 and M8[s]: found ones may differ between shards; got {text!r}")
    return text


def types_of(dtype: Any) -> Iterator[np.dtype[Any]]:
    """The type, or those of a text "name:type,..."; the library says what is wrong with others."""
    try:
        yield np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        for piece in str(dtype).split(","):
            with contextlib.suppress(TypeError, ValueError, SyntaxError):
                yield np.dtype(piece.rpartition(":")[2].strip())


def check_options(dtype: str, options: dict[str, Any]) -> None:
    """Options that `convert` takes, and that make the same of the files in several shards as in one."""
    known = set(inspect.signature(convert).parameters) - set(OWN)
    for name in options:
        if name not in known:
            raise TypeError(f"ndshm.dask.convert() got an unexpected keyword argument {name!r}")
    readers: list[Any] = [text_options, hdf5_options]
    for reads in readers:
        takes, given = inspect.signature(reads).parameters, {"dtype": dtype, **options}
        reads(**{name: value for name, value in given.items() if name in takes})
    if options.get("source_column") is not None:
        raise refused("source_column cannot be sharded: its texts have another width in each shard")
    if options.get("arrange") == "groups":
        raise refused("arrange='groups' cannot be sharded: a shard does not know the directories of the others")
    for name in ("dims", "object_attributes"):
        if options.get(name):
            raise refused(f"{name} cannot be sharded: a joined file has what is said of its datasets, and no others")
    categories = options.get("categories")
    if categories is not None and not (isinstance(categories, dict) and all(map(bool, categories.values()))):
        raise refused("categories need their labels, {column: [label, ...]}: found ones may differ between shards")
    shape = options.get("shape")
    if options.get("dataset") is not None and shape is not None and np.atleast_1d(shape)[0] != -1:
        raise refused("shape must begin with -1: the rows of the one dataset come from several shards")


def split(files: Sequence[Any], per_shard: int | None) -> list[list[str]]:
    """The files of each shard, with paths that are the same on every machine."""
    if isinstance(files, (str, bytes, os.PathLike)):
        files = [files]
    for file in files:
        if not isinstance(file, (str, bytes, os.PathLike)):
            raise TypeError(f"an input is a path, which other machines can open, not {type(file).__name__}")
    paths = [os.path.abspath(os.fsdecode(file)) for file in files]
    if not paths:
        raise ValueError("at least one input is needed")
    size = math.ceil(len(paths) / MANY) if per_shard is None else per_shard
    if size < 1:
        raise ValueError(f"files_per_shard must be at least 1; got {per_shard}")
    return [paths[at:at + size] for at in range(0, len(paths), size)]


def dataset_of(path: str) -> str:
    """What the dataset of an input is called."""
    name = os.path.basename(path)
    stem, suffix = os.path.splitext(name)
    return os.path.splitext(stem if suffix in COMPRESSED else name)[0]


def check_names(paths: Sequence[str]) -> None:
    """Datasets of one name in two shards would be joined to one."""
    seen: dict[str, str] = {}
    for path in paths:
        name = dataset_of(path)
        if name in seen:
            raise refused(f"{seen[name]} and {path} would both become the dataset {name!r}: rename one, or let dataset= "
                          "name one for all")
        seen[name] = path


@dataclass
class Place:
    """Where the shards are: in a folder of this run until all are complete, then under their names."""

    output: str
    folder: str
    shards: list[str]
    parts: list[str]

    @classmethod
    def of(cls, output: Any, shards: Any, count: int, materialize: bool, replace: bool) -> Place:
        """Looks whether nothing is in the way, and makes the folder."""
        target = os.path.abspath(os.fsdecode(output))
        where = os.path.abspath(os.fsdecode(shards)) if shards is not None else os.path.dirname(target)
        stem = os.path.splitext(os.path.basename(target))[0]
        folder = os.path.join(where, f".{stem}.{uuid.uuid4().hex[:12]}.parts")
        names = [f"{stem}.part-{number:05}.h5" for number in range(count)]
        named = [] if materialize else [os.path.join(where, name) for name in names]
        there = [] if replace else [path for path in [target, *named] if os.path.lexists(path)]
        if there:
            raise refused(f"{there[0]} exists already; replace=True replaces it", ExistsError, codes.ERR_FILE_EXISTS)
        if shards is not None:
            os.makedirs(where, exist_ok=True)
        os.mkdir(folder)
        return cls(target, folder, named, [os.path.join(folder, name) for name in names])

    def check(self) -> None:
        """That the shards of other machines are seen here."""
        for part in self.parts:
            if not os.path.exists(part):
                raise refused(f"{part} was made, but is not seen here: this process and all workers need the same files",
                              FileError, codes.ERR_FILE)

    def join(self, materialize: bool, replace: bool, sync: bool, datasets: int | None,
             storage: dict[str, Any]) -> Joined:
        """The one file, verified. What is replaced stays until it is known that the shards fit together."""
        self.check()
        joined = os.path.join(self.folder, "joined.h5")
        tried = join(self.parts, joined, checksum=materialize)
        if datasets is not None and tried.datasets != datasets:
            raise refused(f"{datasets} inputs would become {tried.datasets} datasets: rename those of one name")
        if materialize:
            made = join([joined], self.output, materialize=True, replace=replace, sync=sync, **storage)
        else:
            made = self.named(replace, sync)
        whole(self.output)
        return made

    def named(self, replace: bool, sync: bool) -> Joined:
        """The shards under their names, and joined; without the joined file there are no shards."""
        try:
            for part, shard in zip(self.parts, self.shards):
                os.replace(part, shard)
            return join(self.shards, self.output, checksum=True, replace=replace, sync=sync)
        except BaseException:
            for shard in self.shards:
                with contextlib.suppress(OSError):
                    os.unlink(shard)
            raise

    def clear(self) -> None:
        """Removes the folder; who is at work in it still finds it gone."""
        while os.path.isdir(self.folder):
            shutil.rmtree(self.folder, ignore_errors=True)


def whole(file: str) -> None:
    """Raises if a file is not."""
    found = verify(file)
    if not found:
        problem = found.problems[0]
        raise refused(f"{problem.file} is not whole: {problem.message}", FileError, codes.ERR_FILE)


def make(files: list[str], shard: str, dtype: str, options: dict[str, Any], workers: int, stop: Any) -> Conversion:
    """One shard, on the machine that makes it, in its place when it is complete. `stop` is called now and then, and
    raises if it is not wanted any more."""
    made = convert(files, shard, dtype, replace=True, workers=workers, progress=stop, **options)
    whole(shard)
    return made
