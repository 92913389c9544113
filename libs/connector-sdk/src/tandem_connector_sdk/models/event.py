"""What every canonical fact can say of itself."""

from typing import ClassVar, Protocol


class CanonicalEvent(Protocol):
    """A fact from outside. Both keys are unique only within one connection of one tenant."""

    aggregate_type: ClassVar[str]

    @property
    def aggregate_key(self) -> str:
        """The thing whose facts must stay in order, for example the order's id outside."""
        ...

    @property
    def event_key(self) -> str:
        """The fact itself: the same fact told again, in whatever delivery, has the same key."""
        ...
