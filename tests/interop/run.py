"""What tests/interop.rs runs: run.py HOW NAME. Prints one line of JSON."""
import json
import sys

import numpy as np
from read_segment import as_array, attach, read_dtype, read_header, section

how, name = sys.argv[1:]


def plain(value):
    """Values as JSON has them."""
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return value if isinstance(value, (bool, int, float, str)) else str(value)


def report(array):
    """The array in one line; of records the first field."""
    first = array[array.dtype.names[0]] if array.dtype.names else array
    print(json.dumps({
        "dtype": str(array.dtype.descr if array.dtype.names is None else array.dtype),
        "shape": list(array.shape), "strides": list(array.strides),
        "writeable": array.flags.writeable, "items": plain(first.tolist()),
    }))


if how == "mmap":
    report(attach(name))
elif how == "memmap":
    path = f"/dev/shm/ndshm.{name}"
    start, head = read_header(np.memmap(path, "B", "r"))
    report(np.memmap(path, read_dtype(head), "r", start, section(head, 136, "Q")))
elif how == "shared_memory":
    from shared_memory import attach_shared_memory
    array, memory = attach_shared_memory(name)
    report(array)
    del array
    memory.close()
elif how == "shared_memory_careless":
    from multiprocessing.shared_memory import SharedMemory
    memory = SharedMemory(f"ndshm.{name}")
    array = as_array(memory.buf)
    report(array)
    del array
    memory.close()
elif how == "hold":
    array = attach(name)
    report(array)
    sys.stdout.flush()
    sys.stdin.readline()
    report(array)
elif how == "dtype":
    print(attach(name).dtype)
elif how == "write":
    from shared_memory import attach_shared_memory
    array, memory = attach_shared_memory(name)
    array.ravel()[0] = 42
    report(array)
    del array
    memory.close()
