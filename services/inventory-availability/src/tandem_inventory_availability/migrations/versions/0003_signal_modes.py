"""Sources, epochs, parked signals, snapshot jobs and resync requests."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nothing yet."""
