"""Translates a page of the provider's list: captures and refunds that really happened."""

from typing import ClassVar

from tandem_connector_sdk.documents import RawDocument, Translation, TranslationContext
from tandem_connector_sdk.errors import CodeUnmapped
from tandem_connector_sdk.json_fields import JsonFields, read_json_object
from tandem_connector_sdk.models import PaymentAction, ProviderTransactionReported
from tandem_core.money import Money

_ACTIONS = {"capture": PaymentAction.CAPTURE, "refund": PaymentAction.REFUND}


class TransactionsTranslator:
    """One page of movements as ProviderTransactionReported."""

    kinds: ClassVar[frozenset[str]] = frozenset({"transactions"})

    def translate(self, document: RawDocument, context: TranslationContext) -> Translation:
        """Raises a DomainError naming the field."""
        page = read_json_object(document.body)
        events = tuple(_reported(item) for item in page.items("transactions"))
        return Translation(events, ignored="" if events else "the page is empty")


def _reported(item: JsonFields) -> ProviderTransactionReported:
    kind = item.text("kind")
    if kind not in _ACTIONS:
        raise CodeUnmapped(item.path("kind"), kind)
    amount = item.part("amount")
    return ProviderTransactionReported(
        provider_ref=item.text("id"),
        action=_ACTIONS[kind],
        amount=Money(amount.text("currency"), amount.integer("value", at_least=1)),
        transaction_time=item.instant("created_at"),
        merchant_ref=item.text("order_reference", ""),
    )
