"""Arguments that NumPy refuses, one class after the other."""
from loadtxt_cases import COMPRESS

NOT_CHARACTERS = ["''", "'ab'", "5", "b''", "['a']", "b'ab'", "1.5"]
COUNTS = ["1.5", "'1'", "[1]", "np.array([1, 2])", "np.bool_(True)", "2.0"]


def put(**options):
    """Sets arguments to one of the texts given."""
    def change(rng, case):
        case.options.update({name: rng.choice(texts) for name, texts in options.items()})
    return change


def drop(*names):
    def change(_rng, case):
        for name in names:
            case.options.pop(name, None)
    return change


def both(*changes):
    def change(rng, case):
        for one in changes:
            one(rng, case)
    return change


def other_source(name):
    def change(_rng, case):
        if case.suffix in COMPRESS:
            case.data, case.suffix = b"1 2\n3 4\n", ".txt"
        case.source = name
    return change


def clash(rng, case):
    """Two control characters that are the same."""
    pair = rng.sample(["delimiter", "comments", "quotechar"], 2)
    value = repr(rng.choice([",", "#", "x", "é", "☃"]))
    case.options.update({name: value for name in pair})


def blank_clash(rng, case):
    """A control character that is white space, which parts the fields already."""
    case.options.pop("delimiter", None)
    case.options[rng.choice(["comments", "quotechar"])] = repr(rng.choice([" ", "\t", "\u3000", "\x1c", "\xa0"]))


def one_character(rng, case):
    """Any set of control characters."""
    for name in ("delimiter", "comments", "quotechar"):
        if rng.random() < 0.6:
            case.options[name] = repr(rng.choice([",", " ", "\n", "\r", "#", "x"]))


def count_of(rng, case):
    case.options[rng.choice(["skiprows", "max_rows"])] = rng.choice(COUNTS)


def negative(rng, case):
    case.options[rng.choice(["skiprows", "max_rows"])] = rng.choice(["-1", "-5", "np.int8(-1)"])


def too_large(rng, case):
    case.options[rng.choice(["skiprows", "max_rows"])] = rng.choice(["2**63", "2**70"])
    case.options["dtype"] = rng.choice(["'f8'", "'i4'", "'S3'"])


def none_of_open(rng, case):
    """No rows of a type that is found by looking at them."""
    case.options.update(max_rows=rng.choice(["0", "np.int8(0)"]), dtype=rng.choice(["str", "'S'", "'M8'"]))


def truth(rng, case):
    case.options[rng.choice(["skiprows", "max_rows"])] = rng.choice(["True", "False"])


def newline(rng, case):
    case.options[rng.choice(["delimiter", "comments", "quotechar"])] = repr(rng.choice(["\n", "\r"]))


def not_character(rng, case):
    case.options[rng.choice(["delimiter", "quotechar"])] = rng.choice(NOT_CHARACTERS)


def including_delimiter(rng, case):
    delimiter = rng.choice([",", ";", "é"])
    case.options.update(delimiter=repr(delimiter), comments=repr(["#", delimiter]))
    case.options.pop("quotechar", None)


def several_arguments(rng, case):
    """Which one is refused first?"""
    for change in rng.sample(list(WRONG.values()), 2):
        change(rng, case)


WRONG = {
    "dtype is a subarray": put(dtype=["'2i4'", "('f8', (2, 3))", "'3S2'"]),
    "dtype is none": put(dtype=["'zz'", "'f3'", "['a']", "'i4,zz'", "5"]),
    "comments are empty": put(comments=["''", "['']", "['#', '']", "b''"]),
    "comments and quotes": put(comments=["'//'", "['#', '%']", "['ab']"], quotechar=["'\"'", "'x'"]),
    "comments include the delimiter": including_delimiter,
    "comments are no strings": both(put(comments=["5", "1.5", "True"]), drop("quotechar")),
    "comments hold no strings": both(put(comments=["[5]", "[5, 6]", "['a', None]", "[['#']]"]), drop("quotechar", "delimiter")),
    "not a character": not_character,
    "newline": newline,
    "clash": clash,
    "blank clash": blank_clash,
    "characters": one_character,
    "negative": negative,
    "no integer": count_of,
    "bool": truth,
    "too large": too_large,
    "usecols are no integers": put(usecols=["1.5", "[0, 1.5]", "'a'", "['a']", "[None]", "np.array([0.5])", "[[0]]", "{'a': 1}"]),
    "usecols are too large": put(usecols=["2**63", "[0, -2**70]", "[2**64]"]),
    "usecols do not fit": put(dtype=["'i4,i4,i4'", "[('a', 'f8', (2, 2))]"], usecols=["[0]", "0", "[0, 1]", "[]"]),
    "ndmin": put(ndmin=["3", "-1", "'a'", "None", "0.5", "[0]"]),
    "encoding is unknown": put(encoding=["'nope'", "'utf-9'", "'ansi'"]),
    "encoding is no text's": put(encoding=["'hex'", "'rot13'", "'base64'"]),
    "fname is nothing": other_source("nothing"),
    "file is missing": other_source("missing"),
    "file is a directory": other_source("directory"),
    "converters": put(converters=["5", "'a'", "[float]", "{'a': float}", "{0: 5}", "{1.5: float}"]),
    "like": put(like=["5", "'a'", "[1]"]),
    "no rows of an open type": none_of_open,
    "lines are no text": other_source("no text"),
    "line holds a line end": other_source("long lines"),
    "several": several_arguments,
}


def break_argument(rng, case):
    """One class of faults in the arguments."""
    name = rng.choice(list(WRONG))
    WRONG[name](rng, case)
    case.tags.add("argument: " + name)
