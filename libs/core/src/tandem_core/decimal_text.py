"""Reads decimal text as an integer at a scale, exactly or not at all."""

import re

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
# Longer text cannot fit 64 bits and would only feed big-number arithmetic from outside.
TEXT_CHARACTERS_MAX = 40

_DECIMAL = re.compile(r"([+-]?)(?=[0-9]|\.[0-9])([0-9]*)(?:\.([0-9]*))?", re.ASCII)


def scaled_integer(text: str, scale: int) -> int | None:
    """`text` times 10**scale when that is a whole 64-bit number, else None.

    Exponents, separators and blanks inside are refused: "1,50" is fifteen tenths to some
    sources and one hundred and fifty to others.
    """
    match = _DECIMAL.fullmatch(text) if len(text) <= TEXT_CHARACTERS_MAX else None
    if match is None:
        return None
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    kept, dropped = fraction[:scale], fraction[scale:]
    if dropped.strip("0"):
        return None
    value = int((whole + kept.ljust(scale, "0")) or "0")
    value = -value if sign == "-" else value
    return value if INT64_MIN <= value <= INT64_MAX else None


def decimal_text(value: int, scale: int) -> str:
    """The inverse of `scaled_integer`, with exactly `scale` digits after the point."""
    digits = str(abs(value)).rjust(scale + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (f"{digits[:-scale]}.{digits[-scale:]}" if scale else digits)
