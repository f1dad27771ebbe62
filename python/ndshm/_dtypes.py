"""NumPy's dtypes as the text that the library reads, and back. For the modules that call the library."""

from __future__ import annotations

import ast
import functools
from typing import Any

import numpy as np

# Kinds that other languages have, too.
KINDS = "?biufcSUVMm"


def to_text(dtype: np.dtype[Any]) -> str:
    """The text of a dtype, with its offsets, as `ndshm_create_options` takes it.

    >>> to_text(np.dtype("<f8"))
    '<f8'
    """
    return repr(form_of(dtype)) if dtype.names is not None else plain(dtype)


def form_of(dtype: np.dtype[Any]) -> object:
    """A dtype made of texts, tuples and dicts."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return (form_of(base), shape)
    if dtype.names is None or dtype.fields is None:
        return plain(dtype)
    fields = [(name, dtype.fields[name]) for name in dtype.names]
    titled = [name for name, field in fields if len(field) > 2]
    if titled:
        raise TypeError(f"the field {titled[0]!r} has a title, which segments do not have")
    return {"names": [name for name, _ in fields], "formats": [form_of(field[0]) for _, field in fields],
            "offsets": [field[1] for _, field in fields], "itemsize": dtype.itemsize}


def plain(dtype: np.dtype[Any]) -> str:
    """The text of a dtype without fields."""
    if dtype.kind not in KINDS or dtype.char in "gG" or dtype.subdtype is not None:
        raise TypeError(f"a segment cannot hold elements of the type {dtype}: other processes could not read them")
    return str(dtype.str)


@functools.lru_cache(maxsize=256)
def from_text(text: bytes) -> np.dtype[Any]:
    """The dtype that the library has written as text.

    >>> from_text(b"[('a', '<i4'), ('', '|V4'), ('b', '<f8')]").fields["b"][1]
    8
    """
    decoded = text.decode()
    return dtype_of(ast.literal_eval(decoded) if decoded[:1] in "[{(" else decoded)


def dtype_of(form: Any) -> np.dtype[Any]:
    """A dtype made of texts, tuples, lists and dicts. A field without a name is a hole."""
    if isinstance(form, str):
        return np.dtype(form)
    if isinstance(form, tuple):
        return np.dtype((dtype_of(form[0]), form[1]))
    if isinstance(form, list):
        form = listed(form)
    made: np.dtype[Any] = np.dtype({**form, "formats": [dtype_of(part) for part in form["formats"]]})  # type: ignore[call-overload]
    return made


def listed(fields: list[Any]) -> dict[str, Any]:
    """A list of fields as a dict with offsets."""
    at = 0
    out: dict[str, Any] = {"names": [], "formats": [], "offsets": []}
    for name, *form in fields:
        dtype = dtype_of(form[0] if len(form) == 1 else tuple(form))
        if name:
            out["names"].append(name)
            out["formats"].append(form[0] if len(form) == 1 else tuple(form))
            out["offsets"].append(at)
        at += dtype.itemsize
    return {**out, "itemsize": at}
