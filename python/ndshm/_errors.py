"""What goes wrong, as exceptions: each is an `NdshmError`, and what Python and NumPy raise for the like.

    NdshmError
        ArgumentError(ValueError)         a value that makes no sense, a name that is none
        DTypeError(TypeError)             a type that a segment, text or a file cannot have
        TextError(ValueError)             a line of text that is not what was asked for
        InputError(OSError)               a file that cannot be read
        FileError(OSError)                a file that cannot be written; a system call that failed
        ExistsError(FileExistsError)      a segment or file of this name is there
        NotFoundError(FileNotFoundError)  no segment or file has this name
        NotReadyError(TimeoutError)       a segment is there, its data is not complete
        AccessError(PermissionError)      its owner does not allow it
        NoSpaceError(MemoryError)         shared memory is full, or too little was given
        CorruptError(ValueError)          what is there is no whole segment
        LapsedError(RuntimeError)         an array that was sent is gone, the message came too late
        WorkersError(RuntimeError)        workers died, a creator died, the job was cancelled
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from . import _codes as codes
from . import _structs as structs


class NdshmError(Exception):
    """Something that the library refuses or cannot do.

    `code` is the library's status (`NDSHM_ERR_...`). Of errors in text `file`, `line` (from 1), `row` (from 0),
    `column` (from 1) and `byte` (from 0) say where; each is None where it does not apply. All of it is pickled.

    >>> with open(folder + "/doc-bad.tsv", "w") as file:
    ...     _ = file.write("1 2\\n3 x\\n")
    >>> try:
    ...     ndshm.load(folder + "/doc-bad.tsv", dtype="i4")
    ... except ndshm.NdshmError as error:
    ...     error.file == folder + "/doc-bad.tsv", error.line, error.column, type(error).__name__
    (True, 2, 2, 'TextError')
    """

    code: int = 0
    file: str | None = None
    line: int | None = None
    row: int | None = None
    column: int | None = None
    byte: int | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """All of it travels to other processes: `OSError` itself would leave its number behind."""
        number = {"errno": self.errno} if isinstance(self, OSError) and self.errno is not None else {}
        return type(self), self.args, {**self.__dict__, **number}


class ArgumentError(NdshmError, ValueError):
    """A value that makes no sense, or a name that is none."""


class DTypeError(NdshmError, TypeError):
    """A type that a segment, text or a file cannot have."""


class TextError(NdshmError, ValueError):
    """Text that is not what was asked for."""


class InputError(NdshmError, OSError):
    """A file that cannot be read."""


class FileError(NdshmError, OSError):
    """A file that cannot be written, or a system call that failed."""


class ExistsError(NdshmError, FileExistsError):
    """A segment or a file of this name is there."""


class NotFoundError(NdshmError, FileNotFoundError):
    """No segment or file has this name."""


class NotReadyError(NdshmError, TimeoutError):
    """The segment is there, but its data is not complete, or it is locked."""


class AccessError(NdshmError, PermissionError):
    """The owner does not allow it."""


class NoSpaceError(NdshmError, MemoryError):
    """Shared memory is full, or less memory was given than is needed."""


class CorruptError(NdshmError, ValueError):
    """What is there is no whole segment that this library can read."""


class ShardsError(NdshmError, ValueError):
    """HDF5 files that do not fit together, or of which one is missing or changed."""


class LapsedError(NdshmError, RuntimeError):
    """An array that was sent is gone: the message came too late, or somebody removed the name.

    It is no `OSError`, which workers of a pool take for the end of their pipe.
    """


class WorkersError(NdshmError, RuntimeError):
    """Workers died, or who created the segment, or the job was cancelled, or the library has a bug."""


GROUPS: list[tuple[type[NdshmError], Sequence[int]]] = [
    (ArgumentError, [codes.ERR_ARGUMENT, codes.ERR_OVERFLOW, codes.ERR_NAME, codes.ERR_DATASET_NAME, codes.ERR_HANDLE]),
    (DTypeError, [codes.ERR_DTYPE, codes.ERR_DTYPE_SPACE, codes.ERR_NOT_TEXT, codes.ERR_DTYPE_DIFFERS,
                  codes.ERR_HDF5_TYPE]),
    (TextError, [codes.ERR_TEXT, codes.ERR_COLUMNS, codes.ERR_EMPTY, codes.ERR_FILL]),
    (ShardsError, [codes.ERR_SHARDS]),
    (InputError, [codes.ERR_INPUT]),
    (FileError, [codes.ERR_OS, codes.ERR_HDF5, codes.ERR_FILE, codes.ERR_DISK_FULL]),
    (ExistsError, [codes.ERR_EXISTS, codes.ERR_FILE_EXISTS]),
    (NotFoundError, [codes.ERR_NOT_FOUND]),
    (NotReadyError, [codes.ERR_NOT_READY, codes.ERR_BUSY]),
    (AccessError, [codes.ERR_PERMISSION, codes.ERR_READ_ONLY]),
    (NoSpaceError, [codes.ERR_NO_SPACE, codes.ERR_MEMORY]),
    (CorruptError, [codes.ERR_NOT_NDSHM, codes.ERR_TOO_NEW, codes.ERR_ENDIAN, codes.ERR_TRUNCATED, codes.ERR_CORRUPT,
                    codes.ERR_UNSEALED]),
]
CLASSES = {code: group for group, members in GROUPS for code in members}
# Of an input: the file is missing, or may not be read.
BY_ERRNO: dict[int, type[NdshmError]] = {errno.ENOENT: NotFoundError, errno.EACCES: AccessError,
                                         errno.EPERM: AccessError}


def exception(record: structs.Error, files: Sequence[object] = (), about: str | None = None) -> NdshmError:
    """What the record of a failed call says, as an exception. `files` are the inputs; `about` begins the message."""
    group = CLASSES.get(record.code, WorkersError)
    if issubclass(group, (InputError, FileError)):
        group = BY_ERRNO.get(record.os_errno, group)
    message = record.message.decode(errors="replace")
    error = group(message if about is None else f"{about}: {message}")
    if isinstance(error, OSError) and record.os_errno:
        error.errno = record.os_errno
    return placed(error, record, files)


def placed(error: NdshmError, record: structs.Error, files: Sequence[object] = ()) -> NdshmError:
    """The exception, with the place that a record names."""
    error.code = record.code
    error.line = record.line or None
    error.column = record.column or None
    error.row = None if record.row == codes.NO_PLACE else record.row
    error.byte = None if record.byte == codes.NO_PLACE else record.byte
    if record.input < len(files):
        error.file = name_of(files[record.input])
    return error


def name_of(file: object) -> str | None:
    """A file's name, if it has one."""
    name = getattr(file, "name", None) if hasattr(file, "read") else file
    return os.fsdecode(name) if isinstance(name, (str, bytes, os.PathLike)) else None


def check(status: int, record: structs.Error, about: str | None = None) -> None:
    """Raises what the record says, if a call has failed."""
    if status != codes.OK:
        raise exception(record, about=about)
