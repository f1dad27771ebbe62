"""Text tables to one HDF5 file, or to one segment: the library's two large jobs."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _codes as codes
from . import _file_structs as file_structs
from . import _structs as structs
from ._file_library import file_library
from ._hdf5 import hdf5_options
from ._inputs import Inputs, inputs_of, listed
from ._jobs import Work
from ._library import library
from ._owner import Owner
from ._progress import Reporter
from ._segment import Segment, create_options
from ._text import text_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import DTypeLike

    from ._hdf5 import Categories, Coordinates, Value
    from ._text import Column, Fill, Missing


@dataclass(frozen=True)
class Conversion:
    """What a conversion made. `bad_rows` counts rows that were left out; `bad_row_messages` tells of the first ten."""

    rows: int
    datasets: int
    nbytes: int
    bad_rows: int = 0
    bad_row_messages: list[str] = field(default_factory=list)


def convert(files: Inputs, output: str | os.PathLike[str], dtype: DTypeLike = "auto", *, progress: Reporter = None,
            delimiter: str | None = None, comments: str | Sequence[str] | None = "#", quotechar: str | None = None,
            header: bool = False, usecols: Column | Sequence[Column] | None = None, skiprows: int = 0,
            skip_footer: int = 0, max_rows: int | None = None, missing: Missing = None, fill: Fill = None,
            on_bad_rows: str = "error", decimal: str = ".", encoding: str | None = None, allow_empty: bool = False,
            workers: int | None = None, memory: int | None = None, dataset: str | None = None, arrange: str = "auto",
            replace: bool = False, append: bool = False, append_rows: bool = False, sync: bool = False,
            bool_as_u8: bool = False, layout: str = "auto", compression: str | None = None, level: int | None = None,
            shuffle: bool = True, fletcher32: bool = False, chunk: int | Sequence[int] | None = None,
            shape: int | Sequence[int] | None = None, source_column: str | None = None,
            attributes: Mapping[str, Value] | None = None, categories: Categories = None, provenance: bool = True,
            checksum: bool = False, dims: str | Sequence[str] | None = None, coords: Coordinates | None = None,
            units: Mapping[str, str] | None = None,
            object_attributes: Mapping[str, Mapping[str, Value]] | None = None) -> Conversion:
    """Converts text tables to one HDF5 file, streaming: worker processes parse and compress.

    `files` is one input or a list: paths (plain or compressed), descriptors, files of Python's. `dtype` is NumPy's, or
    the short "name:type,..."; "auto" finds types in the text, and where no `delimiter` is given, too, that, quotes, a header
    and a decimal comma. Options up to `memory` (bytes) say how text is read, in
    the terms of `np.loadtxt`; `missing` and `fill` take one text for all columns or a mapping from columns, by number
    or by the header's name. The others say how the file is written: `dataset` names one dataset for all rows (with
    `arrange="stack"` the inputs lie along a new first axis), otherwise each input becomes a dataset, named after it
    (with "groups" in groups named after directories). `replace` an existing file, `append` datasets to it, or with
    `append_rows` rows to its datasets. `layout` is "auto", "contiguous", "chunked" or "columns", `compression` "gzip" or
    "zstd" or "gzip:6", `chunk` a chunk's shape, `shape` each dataset's, in which the first extent may be -1.
    `categories` are columns of text to store as enumerations. `progress` is True for a bar, or a function of a `Progress`.

    `dims` names the axes of each dataset, as xarray, netCDF and h5py know them; `coords` has numbers for some of them, or
    `slice(start, stop, step)` to count them, where `stop` is the last one, the one behind it, or left out. `attributes` are
    those of each dataset, `object_attributes` those of single ones, of dimensions, or of the file: `{"/": {"title": "T"},
    "lat": {"units": "degrees_north"}}`. `units` are units of columns.

    The file appears when it is complete. An error, or Ctrl-C, leaves everything as it was.

    Raises `TextError` with `file`, `line` and `column`, `InputError`, `ExistsError`, `FileError`, `ArgumentError`.

    >>> import io
    >>> made = ndshm.convert(io.StringIO("1 2\\n3 4\\n"), folder + "/doc.h5", dtype="i4", dataset="t")
    >>> made.rows, made.datasets
    (2, 1)
    """
    text = text_options(dtype, delimiter=delimiter, comments=comments, quotechar=quotechar, header=header,
                        usecols=usecols, skiprows=skiprows, skip_footer=skip_footer, max_rows=max_rows, missing=missing,
                        fill=fill, on_bad_rows=on_bad_rows, decimal=decimal, encoding=encoding, allow_empty=allow_empty,
                        workers=workers, memory=memory)
    options = hdf5_options(dataset=dataset, arrange=arrange, replace=replace, append=append, append_rows=append_rows,
                           sync=sync, bool_as_u8=bool_as_u8, layout=layout, compression=compression, level=level,
                           shuffle=shuffle, fletcher32=fletcher32, chunk=chunk, shape=shape, source_column=source_column,
                           attributes=attributes, categories=categories, provenance=provenance, checksum=checksum, dims=dims,
                           coords=coords, units=units, object_attributes=object_attributes)
    given, made, bad = listed(files), structs.sized(file_structs.Conversion), []
    work = Work(given)
    sources = inputs_of(given, work.raised)

    def finish(job: Any, error: Any) -> int:
        bad.extend(work.bad_rows())
        return int(file_library().ndshm_convert_finish(job, made, error))

    work.run(lambda job, error: file_library().ndshm_convert_start(sources, len(given), text, os.fsencode(output), options,
                                                                   job, error), finish, progress)
    return Conversion(made.rows, made.datasets, made.bytes, work.now.bad_rows, bad)


def load(files: Inputs, name: str | None = None, dtype: DTypeLike = "auto", *, progress: Reporter = None,
         policy: str = "last-detach", mode: int = 0o600, metadata: bytes = b"", handoff_attaches: int = 0,
         handoff_timeout: float | None = None, **text: Any) -> Segment:
    """Reads text tables into one segment, the rows of all inputs one behind the other, and publishes it.

    `files`, `dtype` and the keywords of `text` are as for `convert`; name and policy as for `create`. Without a name the
    segment is anonymous. A record as dtype gives one dimension, else there are two.

    >>> import io
    >>> ndshm.load(io.StringIO("1 2\\n3 4\\n"), dtype="i4").array.tolist()
    [[1, 2], [3, 4]]
    """
    late = name is None and policy == "last-detach"
    options, owner = create_options(policy, mode, metadata, handoff_attaches, handoff_timeout), Owner(late)
    options.naming = codes.NAMING_LATE_OR_NONE if late else codes.NAMING_GIVEN
    how, given = text_options(dtype, **text), listed(files)
    work = Work(given)
    sources = inputs_of(given, work.raised)
    work.run(lambda job, error: library().ndshm_load_start(sources, len(given), how, structs.utf8(name), options, job,
                                                           error),
             lambda job, error: library().ndshm_load_finish(job, owner.handle, error), progress)
    return Segment(owner, name)
