"""Values of every kind as text, good and bad: what the differential tests fill their tables with."""
from fractions import Fraction

import numpy as np

SPACES = ["\t", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u2000", "\u2009",
          "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"]
NOT_SPACES = ["\u200b", "\ufeff", "\u180e", "\x00", "\x07"]
BAD_NUMBERS = ["", " ", "x", "1x", "--1", "+-1", "1-", "0x10", "1_0", "1,5", "٣", "１２", "²", "1e", "1e+", ".", "-", "+",
               "e5", ".e5", "1.2.3", "nan(1)", "infinit", "in", "nanx", "True", "None", "1d5", "1e5.0", "1 2", "NA", "½",
               "1\u200b", "\ufeff1", "1\x00", "(1", "1)", "j", "1i", "1J", "1+2", "1+j", "(1+2j", "1+2j)", "1--2j", "( )",
               "0b1", "1e99999999999999999999", "−1", "1L", "1.0f", "\"1\"", "'1'", "1e-99999999999999999999", "#"]


def digits(rng, most):
    return "".join(rng.choice("0123456789") for _ in range(rng.randint(1, most)))


def integer_text(rng, low, high):
    span = rng.choice([2, 10, 100, 300, 1000, 70000, 10**6, 10**10, 2**62, 2**64])
    value = rng.choice([low, high, 0, low + rng.randrange(2), high - rng.randrange(2),
                        max(low, min(high, rng.randint(-span, span)))])
    text = str(value)
    if rng.random() < 0.15:
        sign = "-" if value < 0 else rng.choice(["", "+"])
        text = sign + "0" * rng.choice([1, 2, 7, 8, 15, 16, 17, 20, 40]) + text.lstrip("-")
    return text


def beyond(rng, low, high):
    """An integer that does not fit, by a little or a lot."""
    return str(rng.choice([low - 1, high + 1, low - 10, high * 10 + 9, 10**18, 10**19, 2**63, 2**64, -(2**63) - 1,
                           10**25, -(10**30)]))


def decimal_of(value):
    """A binary fraction with all its decimal digits."""
    sign, value = ("-", -value) if value < 0 else ("", value)
    shift = value.denominator.bit_length() - 1
    text = str(value.numerator * 5**shift).rjust(shift + 1, "0")
    return sign + (text[:-shift] + "." + text[-shift:] if shift else text)


def halfway(rng, kind):
    """Text on, or just beside, the border between two neighbours of a type."""
    kind = np.dtype(kind)
    bits = rng.getrandbits(8 * kind.itemsize - 1)
    if rng.random() < 0.3:
        bits &= (1 << rng.choice([4, 8, kind.itemsize * 6])) - 1  # small: subnormals
    pair = np.array([bits, bits + 1], f"u{kind.itemsize}").view(kind)
    if not np.isfinite(pair).all():
        return "1e39"
    middle = decimal_of((Fraction(float(pair[0])) + Fraction(float(pair[1]))) / 2)
    return middle + rng.choice(["", "", "0" * 30, "0" * 25 + "1" if "." in middle else ".00001", "" if "." in middle else "."])


def float_text(rng, kind):
    pick = rng.randrange(14)
    if pick == 0:
        return rng.choice(["0", "-0", "-0.0", "+0.", ".0", "0e5", "-0e-400", "0.000000000000000000000", "0000.5"])
    if pick == 1:
        return rng.choice(["inf", "-inf", "+inf", "INF", "Infinity", "-iNfInItY", "nan", "-nan", "+nan", "NaN", "NAN"])
    if pick == 2:
        return halfway(rng, kind)
    if pick == 3:
        return repr(np.uint64(rng.getrandbits(64)).view("f8").item())
    if pick == 4:
        return "%s%s.%se%d" % (rng.choice(["", "-", "+"]), digits(rng, 20), digits(rng, 20), rng.randint(-340, 320))
    if pick == 5:
        return digits(rng, rng.choice([5, 19, 20, 40, 400])) + rng.choice(["", ".", "." + digits(rng, 400)])
    if pick == 6:
        return "%d%s%s%d" % (rng.randint(-99, 99), rng.choice(["", ".5", "."]), rng.choice("eE"), rng.randint(-30, 30))
    if pick == 7:
        return "." + digits(rng, rng.choice([3, 18, 30]))
    if pick == 8:
        return str(rng.randint(-10**rng.randint(1, 20), 10**18))
    if pick == 9:
        return "%.*g" % (rng.randint(1, 17), rng.gauss(0, 1) * 10.0 ** rng.randint(-10, 10))
    return "%.*f" % (rng.choice([0, 1, 2, 4, 6, 6, 6, 9, 15]), rng.gauss(0, 10 ** rng.randint(0, 5)))


def complex_text(rng, kind):
    part = f"f{int(kind[1:]) // 2}"
    real, imaginary = float_text(rng, part), float_text(rng, part)
    text = rng.choice([real, imaginary + "j", None, None, None])
    if text is None:
        sign = "" if imaginary[0] in "+-" else rng.choice("+-")
        text = real + (sign or rng.choice(["", "+"])) + imaginary + "j"
    return f"({text})" if rng.random() < 0.4 else text


def string_text(rng, forbidden, blanks, wide):
    letters = "abcXYZ0189_-.:;,|/%()\"'\\~é"
    if rng.random() < 0.4:
        letters += "ÿßµ\x01"
    if wide:
        letters += "Ωж日🙂\u0301\u200b\ufffd"
    if blanks:
        letters += "  \t\u3000\x85" if wide else "  \t"
    pool = [c for c in letters if c not in forbidden]
    shortest = 0 if blanks else 1
    return "".join(rng.choice(pool) for _ in range(rng.choice([shortest, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 33])))


def limits(leaf):
    if leaf.kind == "b" or leaf.kind not in "iu":
        return -(2**63), 2**63 - 1
    info = np.iinfo(leaf)
    return int(info.min), int(info.max)


YEARS = {"ns": ["1678", "2261", "1970", "2012", "1999", "2000"], "ps": ["1970"]}


def datetime_text(rng, unit):
    """What `np.datetime64` reads: a date, mostly with a time; nearly always one that the unit can hold."""
    pick = rng.randrange(20)
    if pick < 2:
        return rng.choice(["NaT", "nat", "NAT", ""])
    year = rng.choice(YEARS.get(unit, ["1970", "2012", "1999", "2000", "1900", "0001", "9999", str(rng.randint(1000, 2500))]))
    if pick == 2 and (unit not in YEARS or rng.random() < 0.1):
        return rng.choice(["-0001", "+12345", "-5000", "12345", "0000", year])
    parts = [year, f"{rng.randint(1, 3 if unit == 'ps' else 12):02}", f"{rng.randint(1, 28):02}"]
    parts = parts[:rng.choice([1, 2, 3, 3, 3, 3])]
    date = "-".join(parts)
    if len(parts) < 3 or rng.random() < 0.3:
        return date
    clock = [f"{rng.randint(0, 23):02}", f"{rng.randint(0, 59):02}", f"{rng.randint(0, 59):02}"][:rng.choice([1, 2, 3, 3])]
    fraction = "." + digits(rng, rng.choice([3, 6, 6, 9, 9, 12])) if len(clock) == 3 and rng.random() < 0.4 else ""
    return date + rng.choice("T T") + ":".join(clock) + fraction


def plain_text(rng, leaf, forbidden, blanks, wide):
    """Text that a type takes, without anything around it; strings without the forbidden characters."""
    if leaf.kind in "iu":
        return integer_text(rng, *limits(leaf))
    if leaf.kind == "b":
        return rng.choice(["0", "1", "0", "1", "+1", "-1", "00", "2", "256", "9223372036854775807"])
    if leaf.kind == "f":
        return float_text(rng, leaf.str[1:])
    if leaf.kind == "c":
        return complex_text(rng, leaf.str[1:])
    if leaf.kind == "m":
        return rng.choice(["0", "1", "-5", "+7", "NaT", "nat", "NAT", "86400", str(2**62), "-9223372036854775807"])
    if leaf.kind == "M":
        return datetime_text(rng, np.datetime_data(leaf)[0])
    return string_text(rng, forbidden, blanks, wide)
