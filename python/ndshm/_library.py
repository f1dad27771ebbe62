"""The library: where it is, its structs, its functions. The only file that knows `ndshm.h`."""

import ctypes
import functools
import os
from ctypes import POINTER, c_char, c_char_p, c_int32, c_int64, c_size_t, c_ssize_t, c_uint32, c_uint64, c_void_p

ABI_VERSION = 1

OK = 0
ERR_ARGUMENT = -1
ERR_OS = -3
ERR_NO_SPACE = -20
ERR_DTYPE = -40
ERR_NOT_TEXT = -42
ERR_INPUT = -50
ERR_TEXT = -51
ERR_CANCELLED = -54
ERR_MEMORY = -55

NO_INPUT = 0xFFFFFFFF

INPUT_FILE = 0
INPUT_READER = 2

POLICY_ANONYMOUS = 5

FAULT_CONVERT = 1
FAULT_COLUMNS_CHANGED = 2
FAULT_COLUMNS_REQUIRED = 3
FAULT_COLUMN_INDEX = 4
FAULT_ENCODING = 5

SEGMENT_WORDS = 192
JOB_WORDS = 8

Segment = c_uint64 * SEGMENT_WORDS
Job = c_uint64 * JOB_WORDS
ReadFunction = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)


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
        ("missing", c_void_p),
        ("missing_len", c_size_t),
        ("fill", c_void_p),
        ("fill_len", c_size_t),
        ("skip_footer", c_uint64),
        ("on_bad_rows", c_uint32),
        ("no_rows", c_uint32),
        ("piece_bytes", c_uint64),
    ]


class CreateOptions(ctypes.Structure):
    """ndshm_create_options"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("ndim", c_uint32),
        ("dtype", c_char_p),
        ("shape", POINTER(c_uint64)),
        ("strides", POINTER(c_int64)),
        ("metadata", c_void_p),
        ("metadata_len", c_size_t),
        ("policy", c_uint32),
        ("mode", c_uint32),
        ("via", c_uint32),
        ("handoff_attaches", c_uint32),
        ("handoff_timeout_ms", c_uint64),
        ("naming", c_uint32),
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


def sized(struct, **fields):
    """A struct of options or of results, whose size is set."""
    return struct(struct_size=ctypes.sizeof(struct), **fields)


def text_of(error):
    """The text that an error is about: NULs may be in it."""
    at = ctypes.addressof(error) + Error.text.offset
    return ctypes.string_at(at, error.text_len).decode(errors="surrogateescape")


def as_column(index):
    """An index that fits `usecols`; what does not names no column either way."""
    return max(-(2**31), min(index, 2**31 - 1))


# Name, what it returns, what it takes.
FUNCTIONS = [
    ("ndshm_version", c_char_p, []),
    ("ndshm_abi_version", c_uint32, []),
    ("ndshm_load_start", c_int32, [POINTER(Input), c_size_t, POINTER(TextOptions), c_char_p,
                                   POINTER(CreateOptions), POINTER(Job), POINTER(Error)]),
    ("ndshm_load_finish", c_int32, [POINTER(Job), POINTER(Segment), POINTER(Error)]),
    ("ndshm_job_step", c_int32, [POINTER(Job), c_uint32, POINTER(Progress), POINTER(Error)]),
    ("ndshm_job_discard", c_int32, [POINTER(Job)]),
    ("ndshm_segment_data", c_void_p, [POINTER(Segment)]),
    ("ndshm_segment_data_len", c_size_t, [POINTER(Segment)]),
    ("ndshm_segment_itemsize", c_uint32, [POINTER(Segment)]),
    ("ndshm_segment_ndim", c_uint32, [POINTER(Segment)]),
    ("ndshm_segment_shape", POINTER(c_uint64), [POINTER(Segment)]),
    ("ndshm_segment_dtype", c_size_t, [POINTER(Segment), c_char_p, c_size_t]),
    ("ndshm_segment_detach", c_int32, [POINTER(Segment)]),
]


def candidates():
    """Where the library may be: where NDSHM_LIBRARY says; else beside this file, or in the system."""
    if os.environ.get("NDSHM_LIBRARY"):
        yield os.environ["NDSHM_LIBRARY"]
        return
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libndshm.so")
    if os.path.exists(beside):
        yield beside
    yield f"libndshm.so.{ABI_VERSION}"


@functools.cache
def library():
    """The library, found once."""
    tried = []
    for path in candidates():
        try:
            found = ctypes.CDLL(path)
        except OSError as error:
            tried.append(str(error))
            continue
        return declared(found, path)
    raise ImportError("libndshm.so is missing: " + "; ".join(tried)
                      + "; build it with `make lib` and let NDSHM_LIBRARY name it")


def declared(found, path):
    found.ndshm_abi_version.restype = c_uint32
    if found.ndshm_abi_version() != ABI_VERSION:
        raise ImportError(f"{path} has ABI version {found.ndshm_abi_version()}, this package needs {ABI_VERSION}")
    for name, returns, takes in FUNCTIONS:
        function = getattr(found, name)
        function.restype, function.argtypes = returns, takes
    return found


def version():
    """The library's version."""
    return library().ndshm_version().decode()
