"""A file to a segment, a segment to a file: HDF5 and .npy in; HDF5, .npy and CSV out."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import numpy as np

from . import _codes as codes
from . import _file_structs as file_structs
from . import _structs as structs
from ._file_library import file_library
from ._hdf5 import hdf5_options, one_of
from ._jobs import Work
from ._owner import Owner, owner_of
from ._progress import Reporter
from ._segment import Segment, array, attach, create_options
from ._send import published


def import_(file: str | os.PathLike[str], name: str | None = None, dataset: str | None = None, *,
            workers: int | None = None, policy: str = "last-detach", mode: int = 0o600, metadata: bytes = b"",
            handoff_attaches: int = 0, handoff_timeout: float | None = None, progress: Reporter = None) -> Segment:
    """Makes a segment of a `.npy` file, or of a dataset of an HDF5 file, and publishes it.

    `dataset` is its path, and may be left out if the file has one only. Name and policy are as for `create`; without a
    name the segment is anonymous. Chunks of an HDF5 file are unpacked by `workers`, as many as there are processors.

    >>> np.save(folder + "/doc.npy", np.arange(6).reshape(2, 3))
    >>> ndshm.import_(folder + "/doc.npy").array.tolist()
    [[0, 1, 2], [3, 4, 5]]
    """
    if name is None and policy == "last-detach":
        policy = "anonymous"
    create, owner = create_options(policy, mode, metadata, handoff_attaches, handoff_timeout), Owner()
    options = structs.sized(file_structs.ImportOptions, workers=workers or 0, create=ctypes.pointer(create))
    Work([file]).run(
        lambda job, error: file_library().ndshm_import_start(os.fsencode(file), structs.utf8(dataset), structs.utf8(name),
                                                             options, job, error),
        lambda job, error: file_library().ndshm_import_finish(job, owner.handle, error), progress)
    return Segment(owner, name)


def export(what: Segment | str | np.ndarray[Any, Any], output: str | os.PathLike[str], *, format: str = "auto",
           dataset: str | None = None, replace: bool = False, sync: bool = False, bool_as_u8: bool = False,
           delimiter: str | None = None, header: bool = True, workers: int | None = None, memory: int | None = None,
           progress: Reporter = None, **storage: Any) -> int:
    """Writes a segment to a file; the file's bytes. `what` is a segment, its name, or an array.

    `format` is "hdf5", "npy" or "csv"; by itself it is what the suffix says (`.h5`, `.npy`, `.csv`, `.tsv`). `dataset`
    is the dataset's path, `delimiter` and `header` are for CSV. The keywords of `storage` are for HDF5, as for `convert`:
    `append`, `layout`, `compression`, `level`, `shuffle`, `fletcher32`, `chunk`, `attributes`, `dims`, `coords`, `units`,
    `object_attributes`; `workers` pack chunks and use `memory` (bytes). The file appears when it is complete. An array
    that is not the whole of a segment is copied into one first.

    >>> ndshm.export(np.array([[1, 2], [3, 4]]), folder + "/doc.csv")
    8
    """
    owner = whole_owner(what)
    published(owner)  # jobs take no drafts
    if dataset is None and owner.name is None:
        dataset = "data"
    options = structs.sized(file_structs.ExportOptions, format=one_of(codes.FORMATS, "format", format), replace=replace,
                            sync=sync, bool_as_u8=bool_as_u8, delimiter=ord(delimiter) if delimiter else 0,
                            no_header=not header, dataset=structs.utf8(dataset), memory=memory or 0, workers=workers or 0)
    if storage:
        options.hdf5 = ctypes.pointer(hdf5_options(**storage))
    size = ctypes.c_uint64()
    Work([output]).run(
        lambda job, error: file_library().ndshm_export_start(owner.handle, os.fsencode(output), options, job, error),
        lambda job, error: file_library().ndshm_export_finish(job, size, error), progress)
    return size.value


def whole_owner(what: Segment | str | np.ndarray[Any, Any]) -> Owner:
    """The segment with exactly this array."""
    if isinstance(what, str):
        return attach(what).owner
    if isinstance(what, Segment):
        return what.owner
    owner = owner_of(what)
    if owner is None or not is_whole(np.asarray(what), owner):
        owner = owner_of(array(what))
    if owner is None:  # an array without elements
        raise ValueError("there is nothing to write")
    return owner


def is_whole(shown: np.ndarray[Any, Any], owner: Owner) -> bool:
    """Whether an array shows all of a segment, and as it is."""
    same = (shown.shape, shown.strides, shown.dtype) == (owner.shape, owner.strides, owner.dtype)
    return same and shown.ctypes.data == owner.memory().ctypes.data
