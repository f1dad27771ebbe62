"""The structs of `ndshm.h`, as ctypes has them. For the modules that call the library."""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    c_char,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_ssize_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import TypeVar

from ._codes import JOB_WORDS, MAX_NDIM, SEGMENT_WORDS, UUID_SIZE

Segment = c_uint64 * SEGMENT_WORDS
Job = c_uint64 * JOB_WORDS
ReadFunction = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)
ListFunction = ctypes.CFUNCTYPE(c_int32, c_char_p, c_void_p)
PruneFunction = ctypes.CFUNCTYPE(c_int32, c_char_p, c_int32, c_void_p)


class Error(ctypes.Structure):
    """ndshm_error"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("code", c_int32),
        ("os_errno", c_int32),
        ("input", c_uint32),
        ("line", c_uint64),
        ("row", c_uint64),
        ("byte", c_uint64),
        ("column", c_uint32),
        ("fault", c_uint32),
        ("message", c_char * 464),
        ("wanted", c_int64),
        ("found", c_int64),
        ("text_len", c_uint32),
        ("reserved", c_uint32),
        ("text", c_char * 408),
        ("dtype", c_char * 80),
    ]


class Input(ctypes.Structure):
    """ndshm_input"""

    _fields_ = [
        ("kind", c_uint32),
        ("fd", c_int32),
        ("path", c_char_p),
        ("read", ReadFunction),
        ("context", c_void_p),
    ]


class ColumnText(ctypes.Structure):
    """ndshm_column_text"""

    _fields_ = [("which", c_uint32), ("index", c_int32), ("name", c_char_p), ("text", c_char_p)]


class TextOptions(ctypes.Structure):
    """ndshm_text_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("workers", c_uint32),
        ("dtype", c_char_p),
        ("delimiter", c_char_p),
        ("comments", c_char_p),
        ("usecols", POINTER(c_int32)),
        ("usecols_len", c_size_t),
        ("skiprows", c_uint64),
        ("max_rows", c_uint64),
        ("memory", c_uint64),
        ("allow_empty", c_uint32),
        ("header", c_uint32),
        ("quote", c_char_p),
        ("decimal", c_char_p),
        ("encoding", c_char_p),
        ("comment_strings", POINTER(c_char_p)),
        ("comment_strings_len", c_size_t),
        ("usecols_names", POINTER(c_char_p)),
        ("usecols_names_len", c_size_t),
        ("missing", POINTER(ColumnText)),
        ("missing_len", c_size_t),
        ("fill", POINTER(ColumnText)),
        ("fill_len", c_size_t),
        ("skip_footer", c_uint64),
        ("on_bad_rows", c_uint32),
        ("no_rows", c_uint32),
        ("piece_bytes", c_uint64),
        ("sniff", c_uint32),
        ("reserved", c_uint32),
    ]


class CreateOptions(ctypes.Structure):
    """ndshm_create_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("ndim", c_uint32),
        ("dtype", c_char_p),
        ("shape", POINTER(c_uint64)),
        ("strides", POINTER(c_int64)),
        ("metadata", c_char_p),
        ("metadata_len", c_size_t),
        ("policy", c_uint32),
        ("mode", c_uint32),
        ("via", c_uint32),
        ("handoff_attaches", c_uint32),
        ("handoff_timeout_ms", c_uint64),
        ("naming", c_uint32),
        ("reserved", c_uint32),
    ]


class AttachOptions(ctypes.Structure):
    """ndshm_attach_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("access", c_uint32),
        ("timeout_ms", c_uint32),
        ("claim", c_uint32),
        ("uuid", c_uint8 * UUID_SIZE),
    ]


class Array(ctypes.Structure):
    """ndshm_array"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("ndim", c_uint32),
        ("itemsize", c_uint32),
        ("writable", c_uint32),
        ("data", c_void_p),
        ("data_len", c_uint64),
        ("shape", POINTER(c_uint64)),
        ("strides", POINTER(c_int64)),
        ("dtype_len", c_uint64),
    ]


class Info(ctypes.Structure):
    """ndshm_info"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("mode", c_uint32),
        ("uid", c_uint32),
        ("attached", c_uint32),
        ("state", c_uint32),
        ("policy", c_uint32),
        ("refcount", c_uint32),
        ("attach_epoch", c_uint32),
        ("creator_pid", c_uint32),
        ("handoff_attaches", c_uint32),
        ("format_major", c_uint32),
        ("format_minor", c_uint32),
        ("itemsize", c_uint32),
        ("ndim", c_uint32),
        ("size", c_uint64),
        ("data_len", c_uint64),
        ("metadata_len", c_uint64),
        ("dtype_len", c_uint64),
        ("created_ns", c_uint64),
        ("expiry_ns", c_uint64),
        ("uuid", c_uint8 * UUID_SIZE),
        ("shape", c_uint64 * MAX_NDIM),
        ("strides", c_int64 * MAX_NDIM),
        ("promised", c_uint32),
        ("reserved", c_uint32),
    ]


class Progress(ctypes.Structure):
    """ndshm_progress"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("done", c_uint32),
        ("bytes_done", c_uint64),
        ("bytes_total", c_uint64),
        ("rows", c_uint64),
        ("inputs_done", c_uint64),
        ("inputs_total", c_uint64),
        ("bad_rows", c_uint64),
        ("bytes_kept", c_uint64),
    ]


Struct = TypeVar("Struct", bound=ctypes.Structure)


def sized(struct: type[Struct], **fields: object) -> Struct:
    """A struct of options or of results, whose size is set."""
    return struct(struct_size=ctypes.sizeof(struct), **fields)


def texts(given: list[str]) -> ctypes.Array[c_char_p]:
    """An array of texts in UTF-8."""
    return (c_char_p * len(given))(*[utf8(text) for text in given])


def utf8(text: str | None) -> bytes | None:
    """A text for the library."""
    if text is None:
        return None
    if "\0" in text:
        raise ValueError(f"no NUL can be in {text!r}")
    return text.encode("utf-8", "surrogateescape")
