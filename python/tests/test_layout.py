"""The structs and numbers are those of `ndshm.h`: a C compiler is asked."""

import ctypes
import re
import shutil
import subprocess

import pytest
from conftest import PACKAGE

from ndshm import _codes as codes
from ndshm import _describe_library as describe_lib
from ndshm import _describe_structs as descriptions
from ndshm import _file_library as file_lib
from ndshm import _file_structs as files
from ndshm import _library as lib
from ndshm import _structs as structs

HEADER = PACKAGE.parent / "include" / "ndshm.h"
C_NAMES = {"ndshm_segment": structs.Segment, "ndshm_job": structs.Job, "ndshm_description": descriptions.Description}


def c_name(struct):
    return (struct.__doc__ or "").strip()


STRUCTS = [value for value in (*vars(structs).values(), *vars(files).values(), *vars(descriptions).values())
           if isinstance(value, type) and issubclass(value, ctypes.Structure) and value is not ctypes.Structure]
WORDS = {"POLICIES": ("NDSHM_POLICY_", codes.POLICIES), "LAYOUTS": ("NDSHM_LAYOUT_", codes.LAYOUTS),
         "COMPRESSIONS": ("NDSHM_COMPRESSION_", codes.COMPRESSIONS), "ARRANGEMENTS": ("NDSHM_ARRANGE_", codes.ARRANGEMENTS)}


def lines():
    """Assertions in C."""
    for struct in STRUCTS:
        name = c_name(struct)
        yield f'_Static_assert(sizeof({name}) == {ctypes.sizeof(struct)}, "{name}");'
        for field, _ in struct._fields_:
            offset = getattr(struct, field).offset
            yield f'_Static_assert(offsetof({name}, {field}) == {offset}, "{name}.{field}");'
    for c, python in C_NAMES.items():
        yield f'_Static_assert(sizeof({c}) == {ctypes.sizeof(python)}, "{c}");'
    defined = set(re.findall(r"#define (NDSHM_\w+)", HEADER.read_text()))
    for number, value in vars(codes).items():
        if isinstance(value, int) and not number.endswith("_WORDS"):
            assert f"NDSHM_{number}" in defined
            yield f'_Static_assert(NDSHM_{number} == {value}{"ull" if value > 2**63 else ""}, "{number}");'
    for prefix, table in WORDS.values():
        for word, value in table.items():
            yield f'_Static_assert({prefix}{word.upper().replace("-", "_")} == {value}, "{word}");'


@pytest.mark.skipif(not HEADER.exists() or shutil.which("cc") is None, reason="needs the header and a C compiler")
def test_a_c_compiler_agrees(folder):
    assert len(STRUCTS) == 24
    source = folder / "layout.c"
    source.write_text('#include "ndshm.h"\n' + "\n".join(lines()) + "\n")
    done = subprocess.run(["cc", "-std=c11", "-fsyntax-only", "-I", str(HEADER.parent), str(source)], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not HEADER.exists(), reason="needs the header")
def test_functions_take_as_many_arguments_as_in_c():
    text = re.sub("//.*", "", re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL))
    for name, _, takes in [*lib.FUNCTIONS, *file_lib.FUNCTIONS, *describe_lib.FUNCTIONS]:
        found = re.search(rf"\b{name}\((.*?)\);", text, re.DOTALL)
        assert found, name
        count = 0 if found[1].strip() == "void" else found[1].count(",") + 1
        assert count == len(takes), name
