"""Errors carry their data; quantities are whole or refused."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem_core.clock import FixedClock
from tandem_core.errors import (
    DomainError,
    FieldViolation,
    NotFound,
    QuantityNotExact,
    ValidationFailed,
    VersionMismatch,
)
from tandem_core.quantity import quantity_from_decimal_text, quantity_to_decimal_text


def test_the_fields_of_an_error_become_its_metadata() -> None:
    error = NotFound("order", "42")
    assert error.metadata() == {"resource": "order", "id": "42"}
    assert str(error) == "NOT_FOUND: resource=order, id=42"
    assert VersionMismatch(expected=3, current=4).metadata() == {"expected": "3", "current": "4"}


def test_metadata_is_text_without_empty_fields_and_of_bounded_length() -> None:
    @dataclass(eq=False)
    class Odd(DomainError):
        reason: ClassVar[str] = "ODD"
        skus: list[str]
        final: bool
        note: str | None
        body: str

    odd = Odd(["a", "b"], True, None, "x" * 5_000)
    odd.add_note("notes are for the log, not for the wire")
    assert odd.metadata() == {"skus": "a,b", "final": "true", "body": "x" * 200}


def test_a_failed_validation_names_every_field() -> None:
    error = ValidationFailed(
        [FieldViolation("lines[0].quantity", "must be above 0"), FieldViolation("id", "missing")]
    )
    assert error.metadata() == {"fields": "lines[0].quantity,id"}
    assert "lines[0].quantity: must be above 0" in str(error)


def test_a_raised_error_keeps_its_traceback() -> None:
    with pytest.raises(NotFound) as caught:
        raise NotFound("order", "1")
    assert caught.value.__traceback__ is not None


@given(st.integers(-(10**12), 10**12), st.integers(0, 6))
def test_quantity_text_reads_back_as_the_same_quantity(quantity: int, scale: int) -> None:
    text = quantity_to_decimal_text(quantity, scale)
    assert quantity_from_decimal_text(text, scale) == quantity


def test_a_weight_is_whole_only_at_its_own_scale() -> None:
    assert quantity_from_decimal_text("0.42", 3) == 420
    with pytest.raises(QuantityNotExact) as caught:
        quantity_from_decimal_text("0.42", 0, field="Quantity")
    assert caught.value.metadata() == {"value": "0.42", "scale": "0", "field": "Quantity"}


def test_a_naive_instant_is_no_clock() -> None:
    with pytest.raises(ValueError):
        FixedClock(datetime(2026, 1, 1))
