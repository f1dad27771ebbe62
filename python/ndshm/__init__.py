"""Typed arrays in shared memory, and text tables read by many processes.

    import ndshm
    table = ndshm.loadtxt("calls.tsv", dtype="S10,i4,f4")

    with ndshm.create("temps", (365, 720, 1440), "f4") as t:
        t.array[:] = values
        t.publish()
        ...
    temps = ndshm.attach("temps", timeout=5).array      # in any process

    ndshm.convert(["a.tsv", "b.tsv"], "all.h5", dtype="chr:S10,pos:i4,pct:f4")

    ndshm.dask.convert(files, "all.h5", dtype="chr:S10,pos:i4,pct:f4", client=client)     # on many machines

It is an interface to the library `libndshm`; NumPy is all that it needs.
"""

import importlib
import typing

from . import _hooks

if typing.TYPE_CHECKING:
    from . import dask as dask
    from ._convert import Conversion, convert, load
    from ._describe import describe
    from ._description import ColumnSummary, Description
    from ._directory import Info, info, ls, prune, unlink
    from ._errors import (
        AccessError,
        ArgumentError,
        CorruptError,
        DTypeError,
        ExistsError,
        FileError,
        InputError,
        LapsedError,
        NdshmError,
        NoSpaceError,
        NotFoundError,
        NotReadyError,
        ShardsError,
        TextError,
        WorkersError,
    )
    from ._exchange import export, import_
    from ._join import Joined, Problem, Verified, join, verify
    from ._library import version
    from ._loadtxt import loadtxt
    from ._pool import Pool
    from ._progress import Progress
    from ._segment import Segment, array, attach, create, empty, zeros

__all__ = [
    "AccessError", "ArgumentError", "ColumnSummary", "Conversion", "CorruptError", "DTypeError", "Description",
    "ExistsError", "FileError", "Info", "InputError", "Joined", "LapsedError", "NdshmError", "NoSpaceError",
    "NotFoundError", "NotReadyError", "Pool", "Problem", "Progress", "Segment", "ShardsError", "TextError", "Verified",
    "WorkersError",
    "array", "attach", "convert", "create", "describe", "empty", "export", "import_", "info", "join", "load", "loadtxt",
    "ls", "prune", "unlink", "verify", "version", "zeros",
]
__version__ = "0.1.0"

# Where names are that are not in `_errors`. Each module is imported when one of its names is used.
PLACES = {
    "_convert": ("Conversion", "convert", "load"),
    "_describe": ("describe",),
    "_description": ("ColumnSummary", "Description"),
    "_directory": ("Info", "info", "ls", "prune", "unlink"),
    "_exchange": ("export", "import_"),
    "_join": ("Joined", "Problem", "Verified", "join", "verify"),
    "_library": ("version",),
    "_loadtxt": ("loadtxt",),
    "_pool": ("Pool",),
    "_progress": ("Progress",),
    "_segment": ("Segment", "array", "attach", "create", "empty", "zeros"),
}
HOME = {name: place for place, names in PLACES.items() for name in names}


def __getattr__(name: str) -> typing.Any:
    """What is used for the first time."""
    if name == "dask":
        return importlib.import_module("ndshm.dask")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"ndshm.{HOME.get(name, '_errors')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """All names, used or not."""
    return sorted({*globals(), *__all__, "dask"})


_hooks.register()
