"""Joblib and loky: the same as `_send` tells multiprocessing, whenever they are imported."""

from __future__ import annotations

import importlib
import pickle
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from ._send import AnyArray, Reduced, copied, message_of, reducer

MEMMAPS = "joblib._memmapping_reducer"
LOKYS = ("loky.backend.reduction", "joblib.externals.loky.backend.reduction")


def whole(array: AnyArray) -> Reduced:
    """The array as these pickle it: without a copy of its bytes in between."""
    return array.__reduce_ex__(pickle.HIGHEST_PROTOCOL)


def backward(array: AnyArray) -> Reduced:
    """A result, as joblib's workers send it."""
    default = getattr(sys.modules.get(MEMMAPS), "ndshm_backward", copied)
    return message_of(array) or default(array)


def told(name: str, module: Any) -> None:
    """Tells a module that was imported."""
    if name in LOKYS:
        module.register(np.ndarray, reducer(whole))
    elif not hasattr(module, "ndshm_backward"):
        # Joblib copies large arrays to files of its own, in tasks and in results.
        forward = module.ArrayMemmapForwardReducer.__call__
        module.ArrayMemmapForwardReducer.__call__ = lambda self, array: message_of(array) or forward(self, array)
        module.ndshm_backward, module.reduce_array_memmap_backward = module.reduce_array_memmap_backward, backward


def telling(name: str, execute: Callable[[Any], None]) -> Callable[[Any], None]:
    """What executes a module, and tells it."""
    def run(module: Any) -> None:
        execute(module)
        told(name, module)
    return run


class Later(MetaPathFinder):
    """Sees the modules that are imported later."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Nothing for others; for these what the next finder says, with a loader that tells them."""
        if name != MEMMAPS and name not in LOKYS:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader.exec_module = telling(name, spec.loader.exec_module)  # type: ignore[method-assign, assignment]
                return spec
        return None


def register() -> None:
    """Tells those that are there, and the others when they come."""
    for name in (*LOKYS, MEMMAPS):
        if name in sys.modules:
            told(name, importlib.import_module(name))
    sys.meta_path.insert(0, Later())
