"""When what has passed is swept away: a timer on event time, with patience."""

# State is swept this many times in the course of what it is kept for.
SWEEPS = 8


class Timer:
    """Comes due at once, then once in `every` microseconds of event time, and where time falls back.

    Times are telemetry's own, and may leap to and fro with every event. A sweep looks at all that is held: where `rest`
    says how much that is, the next one waits for an eighth as many events, so that leaps cost each event a constant.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.next: int | None = None
        self.waits = 0  # for so many events more

    def is_due(self, now: int) -> bool:
        """To be asked once an event."""
        self.waits -= 1
        if (self.next is not None and self.next - self.every <= now < self.next) or self.waits > 0:
            return False
        self.next = now + self.every
        return True

    def rest(self, held: int) -> None:
        self.waits = held // SWEEPS
