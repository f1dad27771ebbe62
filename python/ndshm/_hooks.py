"""Who is told of arrays in shared memory, and of the end of a process: multiprocessing, loky and joblib.

`import ndshm` imports none of them, nor what sends arrays: they are told when they are imported.
"""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from . import _leave

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

AnyArray = np.ndarray[Any, Any]
# What `__reduce__` returns.
Reduced = Union[str, tuple[Any, ...]]
Reducer = Callable[[AnyArray], Reduced]
MEMMAPS = "joblib._memmapping_reducer"


def message_of(array: AnyArray) -> Reduced | None:
    """The array as a message of `_send`; None for one that is not in shared memory."""
    if "ndshm._owner" not in sys.modules:  # nothing is
        return None
    from . import _send
    return _send.message_of(array)


def reducer(default: Reducer) -> Reducer:
    """What sends arrays of ours by name, and others as before."""
    def reduce(array: AnyArray) -> Reduced:
        return message_of(array) or default(array)
    return reduce


def copied(array: AnyArray) -> Reduced:
    """The array as multiprocessing pickles it."""
    return array.__reduce_ex__(pickle.DEFAULT_PROTOCOL)


def whole(array: AnyArray) -> Reduced:
    """The array as loky pickles it: without a copy of its bytes in between."""
    return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


def backward(array: AnyArray) -> Reduced:
    """A result, as joblib's workers send it."""
    default = getattr(sys.modules.get(MEMMAPS), "ndshm_backward", copied)
    return message_of(array) or default(array)


def tell_multiprocessing(reduction: Any) -> None:
    """Its pickler."""
    known: dict[type, Reducer] = getattr(reduction.ForkingPickler, "_extra_reducers", {})
    reduction.ForkingPickler.register(np.ndarray, reducer(known.get(np.ndarray, copied)))


def tell_loky(reduction: Any) -> None:
    """Its pickler."""
    reduction.register(np.ndarray, reducer(whole))


def tell_joblib(memmaps: Any) -> None:
    """It copies large arrays to files of its own, in tasks and in results."""
    forward, memmaps.ndshm_backward = memmaps.ArrayMemmapForwardReducer.__call__, memmaps.reduce_array_memmap_backward
    memmaps.ArrayMemmapForwardReducer.__call__ = lambda self, array: message_of(array) or forward(self, array)
    memmaps.reduce_array_memmap_backward = backward


# The modules, and what tells them.
TELLS: dict[str, Callable[[Any], None]] = {
    "multiprocessing.reduction": tell_multiprocessing,
    "multiprocessing.util": _leave.tell,
    "loky.backend.reduction": tell_loky,
    "joblib.externals.loky.backend.reduction": tell_loky,
    MEMMAPS: tell_joblib,
}
# Those that were told.
TOLD: dict[str, Any] = {}


def tell(name: str, module: Any) -> None:
    """Tells a module, once."""
    if TOLD.get(name) is module:
        return
    try:
        TELLS[name](module)
    except AttributeError:  # it is not all there yet, or another version has something else: arrays are copied
        return
    TOLD[name] = module


class Telling:
    """A module's loader, which tells it."""

    def __init__(self, name: str, loader: Any) -> None:
        self.name, self.loader = name, loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> Any:
        """As the loader does."""
        return self.loader.create_module(spec)

    def exec_module(self, module: Any) -> None:
        """As the loader does, of which the module knows alone."""
        module.__spec__.loader = module.__loader__ = self.loader
        self.loader.exec_module(module)
        TOLD.pop(self.name, None)  # it may be the second time
        tell(self.name, module)


class Later:
    """Sees the modules that are imported later."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Nothing for others; for these what the next finder says, with a loader that tells them."""
        if name not in TELLS:
            return None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find and find(name, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = Telling(name, spec.loader)  # type: ignore[assignment]
                return spec
        return None


def tell_all() -> None:
    """Tells those that are there."""
    for name in TELLS:
        if name in sys.modules:
            tell(name, importlib.import_module(name))


def register() -> None:
    """Tells those that are there, and the others when they come."""
    sys.meta_path.insert(0, Later())
    tell_all()
    if "multiprocessing.util" not in TOLD:
        _leave.register()
