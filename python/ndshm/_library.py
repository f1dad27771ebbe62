"""The library: where it is, and its functions with their types. The only file that loads it."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Iterator
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_size_t, c_uint8, c_uint32, c_uint64, c_void_p

from . import _hooks
from . import _structs as s
from ._codes import ABI_VERSION

SEGMENT, JOB, ERROR = POINTER(s.Segment), POINTER(s.Job), POINTER(s.Error)
INPUTS = [POINTER(s.Input), c_size_t, POINTER(s.TextOptions)]
CREATE = POINTER(s.CreateOptions)

# Name, what it returns, what it takes.
Functions = list[tuple[str, object, list[object]]]
FUNCTIONS: Functions = [
    ("ndshm_version", c_char_p, []),
    ("ndshm_abi_version", c_uint32, []),
    ("ndshm_strerror", c_char_p, [c_int32]),
    ("ndshm_segment_create", c_int32, [c_char_p, CREATE, SEGMENT, ERROR]),
    ("ndshm_segment_publish", c_int32, [SEGMENT, ERROR]),
    ("ndshm_segment_attach", c_int32, [c_char_p, POINTER(s.AttachOptions), SEGMENT, ERROR]),
    ("ndshm_segment_promise", c_int32, [SEGMENT, c_uint32, c_uint64, ERROR]),
    ("ndshm_segment_attach_fd", c_int32, [c_int, c_uint32, SEGMENT, ERROR]),
    ("ndshm_segment_detach", c_int32, [SEGMENT]),
    ("ndshm_segment_leave", c_int32, [SEGMENT]),
    ("ndshm_segment_fd", c_int, [SEGMENT]),
    ("ndshm_segment_name", c_char_p, [SEGMENT]),
    ("ndshm_segment_data", c_void_p, [SEGMENT]),
    ("ndshm_segment_array", c_int32, [SEGMENT, c_char_p, c_size_t, POINTER(s.Array), ERROR]),
    ("ndshm_segment_data_len", c_size_t, [SEGMENT]),
    ("ndshm_segment_ndim", c_uint32, [SEGMENT]),
    ("ndshm_segment_shape", POINTER(c_uint64), [SEGMENT]),
    ("ndshm_segment_strides", POINTER(c_int64), [SEGMENT]),
    ("ndshm_segment_metadata", c_void_p, [SEGMENT]),
    ("ndshm_segment_metadata_len", c_size_t, [SEGMENT]),
    ("ndshm_segment_policy", c_uint32, [SEGMENT]),
    ("ndshm_segment_state", c_uint32, [SEGMENT]),
    ("ndshm_segment_uuid", c_int32, [SEGMENT, POINTER(c_uint8 * 16), ERROR]),
    ("ndshm_segment_refcount", c_uint32, [SEGMENT]),
    ("ndshm_segment_is_current", c_int32, [SEGMENT]),
    ("ndshm_segment_dtype", c_size_t, [SEGMENT, c_char_p, c_size_t]),
    ("ndshm_segment_peek", c_int32, [c_char_p, c_char_p, c_size_t, POINTER(s.Info), ERROR]),
    ("ndshm_segment_list", c_int32, [s.ListFunction, c_void_p, ERROR]),
    ("ndshm_segment_prune", c_int32, [s.PruneFunction, c_void_p, ERROR]),
    ("ndshm_segment_unlink", c_int32, [c_char_p, ERROR]),
    ("ndshm_job_step", c_int32, [JOB, c_uint32, POINTER(s.Progress), ERROR]),
    ("ndshm_job_bad_row", c_int32, [JOB, c_uint32, ERROR]),
    ("ndshm_job_discard", c_int32, [JOB]),
    ("ndshm_load_start", c_int32, [*INPUTS, c_char_p, CREATE, JOB, ERROR]),
    ("ndshm_load_finish", c_int32, [JOB, SEGMENT, ERROR]),
]


def candidates() -> Iterator[str]:
    """Where the library may be: where NDSHM_LIBRARY says; else beside this file, or in the system."""
    if os.environ.get("NDSHM_LIBRARY"):
        yield os.environ["NDSHM_LIBRARY"]
        return
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libndshm.so")
    if os.path.exists(beside):
        yield beside
    yield f"libndshm.so.{ABI_VERSION}"


@functools.cache
def library() -> ctypes.CDLL:
    """The library, found once."""
    tried = []
    for path in candidates():
        try:
            found = ctypes.CDLL(path)
        except OSError as error:
            tried.append(str(error))
            continue
        _hooks.tell_all()  # who was being imported when this package was
        return declared(checked(found, path), FUNCTIONS)
    raise ImportError("libndshm.so is missing: " + "; ".join(tried)
                      + "; build it with `make lib` and let NDSHM_LIBRARY name it")


def checked(found: ctypes.CDLL, path: str) -> ctypes.CDLL:
    """The library, if it is one that this package knows."""
    found.ndshm_abi_version.restype = c_uint32
    if found.ndshm_abi_version() != ABI_VERSION:
        raise ImportError(f"{path} has ABI version {found.ndshm_abi_version()}, this package needs {ABI_VERSION}")
    return found


def declared(found: ctypes.CDLL, functions: Functions) -> ctypes.CDLL:
    """The library with the types of these functions."""
    for name, returns, takes in functions:
        function = getattr(found, name)
        function.restype, function.argtypes = returns, takes
    return found


def version() -> str:
    """The library's version.

    >>> ndshm.version().count(".")
    2
    """
    return bytes(library().ndshm_version()).decode()
