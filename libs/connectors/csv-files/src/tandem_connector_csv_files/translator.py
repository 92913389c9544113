"""Translates a file by the kind its header names, whatever the file is called."""

from typing import ClassVar

from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import DocumentKindUnknown

from tandem_connector_csv_files.csv_file import read_csv_file
from tandem_connector_csv_files.receipts import translate_receipts
from tandem_connector_csv_files.scales import Scales
from tandem_connector_csv_files.shipments import translate_shipments
from tandem_connector_csv_files.stock import translate_movements, translate_snapshot

TRANSLATIONS = {
    "STOCK_SNAPSHOT": translate_snapshot,
    "STOCK_MOVEMENTS": translate_movements,
    "SHIPMENTS": translate_shipments,
    "GOODS_RECEIPTS": translate_receipts,
}


class CsvFileTranslator:
    """All kinds of file share one frame; see `csv_file`."""

    kinds: ClassVar[frozenset[str]] = frozenset({"*.csv"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError whose field is `header`, `row[n]` or `trailer` and the column."""
        file = read_csv_file(document.body)
        if file.kind not in TRANSLATIONS:
            raise DocumentKindUnknown(file.kind)
        translation = TRANSLATIONS[file.kind](file, Scales(context))
        return translation if translation.events else Translation(ignored="the file has no rows")
