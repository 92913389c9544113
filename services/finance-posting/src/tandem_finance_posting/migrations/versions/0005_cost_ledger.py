"""The cost sub-ledger: layers, receipts, what is held, in transit, written down."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
