"""Quantity: a whole number of a SKU's minor unit (pieces, or grams where kilograms are sold).

`scale` is the number of decimal digits between the unit a source writes and the minor unit:
0 for pieces, 3 for a SKU sold in kilograms and counted in grams.
"""

from tandem_core.decimal_text import decimal_text, scaled_integer
from tandem_core.errors import QuantityNotExact

SCALE_MAX = 6


def quantity_from_decimal_text(text: str, scale: int = 0, field: str = "") -> int:
    """ "0.42" at scale 3 is 420; raises QuantityNotExact naming `field`, never rounds."""
    if not 0 <= scale <= SCALE_MAX:
        raise ValueError(f"scale {scale} is not in 0..{SCALE_MAX}")
    quantity = scaled_integer(text, scale)
    if quantity is None:
        raise QuantityNotExact(text, scale, field)
    return quantity


def quantity_to_decimal_text(quantity: int, scale: int = 0) -> str:
    """420 at scale 3 is "0.420"."""
    return decimal_text(quantity, scale)
