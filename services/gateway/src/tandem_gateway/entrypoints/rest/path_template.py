"""Path templates of ``google.api.http``: ``/v1/orders/{order_id}:cancel``, ``{name=shops/*}``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_PIECE = re.compile(r"\{([a-z0-9_.]+)(?:=([^}]*))?\}|(\*\*)|(\*)|([^{}*]+)")
ONE_SEGMENT = "[^/]+"
LAST_SEGMENT = "[^/:]+"
MANY_SEGMENTS = ".+"


class TemplateUnreadable(ValueError):
    """The contract holds a template this door does not understand; found at start."""


@dataclass(frozen=True)
class PathTemplate:
    """A compiled template. ``fields`` are the request fields it binds, in order."""

    text: str
    pattern: re.Pattern[str]
    fields: tuple[str, ...]
    has_verb: bool

    def match(self, raw_path: str) -> dict[str, str] | None:
        """The bound fields, percent-decoded; None when the path is another one.

        Matched before decoding, so that a ``%2F`` inside an id stays inside its segment.
        """
        found = self.pattern.fullmatch(raw_path)
        if found is None:
            return None
        return {field: unquote(found[position + 1]) for position, field in enumerate(self.fields)}

    @property
    def openapi_path(self) -> str:
        """The template as OpenAPI writes it: only names in braces."""
        return re.sub(r"\{([a-z0-9_.]+)=[^}]*\}", r"{\1}", self.text)


def compile_template(text: str) -> PathTemplate:
    """Compiles a template. Raises TemplateUnreadable."""
    fields: list[str] = []
    pattern = ""
    end = 0
    for piece in _PIECE.finditer(text):
        if piece.start() != end:
            raise TemplateUnreadable(text)
        end = piece.end()
        field, inner, many, one, literal = piece.groups()
        if field:
            fields.append(field)
            pattern += f"({_segments(inner or '*')})"
        elif many or one:
            pattern += MANY_SEGMENTS if many else ONE_SEGMENT
        else:
            pattern += re.escape(literal)
    if end != len(text) or not text.startswith("/"):
        raise TemplateUnreadable(text)
    if pattern.endswith(f"({ONE_SEGMENT})"):
        # A colon in the last segment begins a verb; in an id there it is written %3A.
        pattern = f"{pattern.removesuffix(f'({ONE_SEGMENT})')}({LAST_SEGMENT})"
    verb = ":" in re.sub(r"\{[^}]*\}", "", text)
    return PathTemplate(text, re.compile(pattern), tuple(fields), verb)


def _segments(inner: str) -> str:
    kinds = {"**": MANY_SEGMENTS, "*": ONE_SEGMENT}
    return "/".join(kinds.get(part, re.escape(part)) for part in inner.split("/"))
