"""Rows that belong together: a group is never split and its shared columns never differ."""

from collections.abc import Sequence

from tandem_connector_sdk.errors import DocumentFieldInvalid

from tandem_connector_csv_files.csv_file import Record


def refuse_split_groups(records: Sequence[Record], name: str) -> None:
    """A group that comes twice would become two facts of one name, the second one dropped."""
    ended: set[str] = set()
    previous = ""
    for record in records:
        group = record.text(name)
        if group in ended:
            raise DocumentFieldInvalid(record.field(name), group, "its rows must follow each other")
        if group != previous:
            ended.add(previous)
        previous = group


def same_over_rows(rows: Sequence[Record], names: Sequence[str]) -> None:
    """Raises DocumentFieldInvalid for the first row that says something else than the first."""
    for row in rows[1:]:
        for name in names:
            text = row.text(name, optional=True)
            if text != rows[0].text(name, optional=True):
                raise DocumentFieldInvalid(row.field(name), text, "differs within one group")
