"""Typed arrays in shared memory, and text tables read by many processes.

    import ndshm
    table = ndshm.loadtxt("calls.tsv", dtype="S10,i4,f4")

What is here is NumPy's own interface over the library `libndshm`; NumPy is all that it
needs. See `docs/text.md` for what differs from `np.loadtxt`.
"""

from ._library import version
from ._loadtxt import loadtxt

__all__ = ["loadtxt", "version"]
__version__ = "0.1.0"
