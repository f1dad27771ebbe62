"""A segment through the standard library's SharedMemory."""
import fcntl
import os
import sys
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory

from read_segment import as_array


def attach_shared_memory(name):
    """The segment `name`, writable, and the object that its memory belongs to."""
    if sys.version_info >= (3, 13):
        memory = SharedMemory(f"ndshm.{name}", track=False)
    else:
        memory = SharedMemory(f"ndshm.{name}")
        resource_tracker.unregister(memory._name, "shared_memory")
    fcntl.flock(memory._fd, fcntl.LOCK_SH)
    if os.fstat(memory._fd).st_nlink == 0:
        memory.close()
        raise FileNotFoundError(name)
    return as_array(memory.buf), memory
