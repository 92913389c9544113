"""Translates a POSLog file: every retail transaction, nothing of the others."""

from collections import Counter
from typing import ClassVar

from tandem_connector_sdk.documents import Finding, RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import CodeUnmapped, DocumentFieldInvalid
from tandem_connector_sdk.models import Canonical
from tandem_connector_sdk.xml_document import read_xml

from tandem_connector_poslog.receipt import Receipt
from tandem_connector_poslog.store_settings import StoreSettings
from tandem_connector_poslog.xml_fields import XmlFields, local_name

WITHOUT_GOODS = (
    "ControlTransaction",
    "TenderControlTransaction",
    "InventoryControlTransaction",
    "TillSettle",
)
_SKIPPED_FLAGS = {"TrainingModeFlag": "training", "CancelFlag": "cancelled", "VoidFlag": "voided"}


class PoslogTranslator:
    """A file of transactions as SaleReported and RefundReported."""

    kinds: ClassVar[frozenset[str]] = frozenset({"*.xml"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError whose field is the path of the element."""
        root = read_xml(document.body)
        if local_name(root.tag) != "POSLog":
            raise DocumentFieldInvalid(local_name(root.tag), "", "the root must be POSLog")
        return _File(StoreSettings(context)).translate(XmlFields(root, "POSLog"))


class _File:
    """One file being read."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._events: list[Canonical] = []
        self._findings: list[Finding] = []
        self._passed: Counter[str] = Counter()

    def translate(self, root: XmlFields) -> Translation:
        """All transactions in the order of the file."""
        for transaction in root.items("Transaction"):
            self._read(XmlFields(transaction.element, transaction.path.partition("/")[2]))
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(self._passed.items()))
        findings = [*self._findings, *([Finding("PASSED_OVER", told)] if told else [])]
        ignored = "" if self._events else f"no retail transaction ({told or 'empty'})"
        return Translation(tuple(self._events), tuple(findings), ignored)

    def _read(self, transaction: XmlFields) -> None:
        for flag, name in _SKIPPED_FLAGS.items():
            if transaction.flagged(flag):
                self._passed[name] += 1
                return
        retail = transaction.first("RetailTransaction")
        if retail is None:
            self._pass_over(transaction)
            return
        receipt = Receipt(transaction, retail, self._settings)
        events = receipt.events()
        if not events:
            self._passed["without goods"] += 1
        self._events += events
        self._findings += receipt.findings

    def _pass_over(self, transaction: XmlFields) -> None:
        for child in transaction.children():
            if child.name in WITHOUT_GOODS:
                self._passed[child.name] += 1
                return
        kinds = [child.name for child in transaction.children() if "Transaction" in child.name]
        # A void after the fact, or a kind nobody has met: passing it over would lose money.
        raise CodeUnmapped(transaction.path, kinds[0] if kinds else "no kind of transaction")
