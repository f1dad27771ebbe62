"""What differential_loadtxt.py has found, as cases with a name: they run first, every time."""
import gzip
import lzma

from loadtxt_cases import Case

LINES = b"".join(b"%d %d\n" % (i, i * i) for i in range(40))
DATES = b"2012-03-01 1999\n2000-01-01T03 x\n1 2 3\n"


def case(data, source="path", suffix=".txt", workers=2, chunk_bytes=16, tags=(), **options):
    return Case(data, source, suffix, options, workers, chunk_bytes, set(tags))


REGRESSIONS = {
    "a text of latin1 in a message": case("1 é\n".encode("latin1"), encoding="'latin1'"),
    "a line of latin1 that is skipped": case("Größe\n1 2\n".encode("latin1"), encoding="'latin1'", skiprows="1"),
    "a point that parts fields": case(b"1.2\n3.4\n", dtype="'i4'", delimiter="'.'"),
    "a bad row before a stream's bad end": case("1 2\n3\n".encode("utf-32-be") + b"x", encoding="'utf-32-be'"),
    "a bad row before a file's cut": case(gzip.compress(LINES[:60] + b"x y\n" + LINES, mtime=0)[:-6], suffix=".gz",
                                          comments="['#', '%']"),
    "enough rows before a file's cut": case(lzma.compress(LINES)[:-40], suffix=".xz", max_rows="2", comments="['#', '%']"),
    "a compressed file that is none": case(b"1 2\n", suffix=".xz"),
    "a compressed file with a wrong block": case(b"BZh91AX&SY" + bytes(30), suffix=".bz2"),
    "an index beyond 32 bits": case(b"1 2\n", usecols="[0, -2**40]"),
    "no column at all": case(b"1 2\n3 4\n5 6\n", usecols="[]", dtype="'i4'", ndmin="2"),
    "no row at all": case(b"1 2\n", max_rows="0", ndmin="2"),
    "no row of a file that is damaged": case(b"\x1f\x8b\x08garbage", suffix=".gz", max_rows="0"),
    "no width": case(b"a b\nc d\n", dtype="'>U'"),
    "no width and no row": case(b"", dtype="'>U'"),
    "no width in a record": case(b"1 a\n2 b\n", dtype="[('i', 'i4'), ('s', 'S0')]"),
    "a unit that is not there": case(b"1 2\n3 4\n", dtype="'>m8'", usecols="[]"),
    "quotes and like": case(b"'1 2' 3\n4 5 6\n", quotechar='"\'"', dtype="'U5'", like="np.array(1)"),
    "comments that are no text": case(b"1 2\n", comments="[5]"),
    "comments that are no text, and no line": case(b"", comments="[5]"),
    "comments that are no text, and no row": case(b"1 2\n", comments="[['#']]", max_rows="0"),
    "a blank line within max_rows": case(b"1 2\n\n# x\n3 4\n", max_rows="2"),
    "a blank line behind max_rows": case(b"1 2\n\n3 4\n", max_rows="1"),
    "a blank last line without its end": case(b"1 2\n ", max_rows="5"),
    "a blank last line of text to be measured": case(b"1 2\n ", max_rows="5", dtype="str"),
    "a directory and wrong arguments": case(b"", source="directory", comments="'\\xa0'"),
    "a wrong type behind enough rows": case(b"1 2\n3 4\n", source="no text", max_rows="2"),
    "a wrong row before a wrong type": case(b"1 2\nx\n", source="no text"),
    "a line end in a quoted item": case(b"'1\r2' 3\n", source="lines", quotechar='"\'"', dtype="'U5'"),
    "a line end behind a quoted item": case(b"1 2\n", source="long lines", quotechar='"\'"'),
    "items that are skipped": case(b"1\r2\n3 4\n5 6\n", source="bytes lines", skiprows="1"),
    "columns before dates": case(DATES, dtype="'M8'"),
    "dates that are none": case(b"2012-03-01 1999\n2000-01-01T03 x\n", dtype="'M8'"),
    "text that has no byte": case("a Ω\n".encode(), dtype="'S'"),
    "text in quotes over borders": case(b'"a\r\nb" "c""d"\n"e f" "g"\n' * 3, dtype="'U'", quotechar="'\"'", chunk_bytes=1),
    "line ends over borders": case(b"1 2\r\n3 4\r5 6\n\r\n7 8", chunk_bytes=1, workers=4),
}
