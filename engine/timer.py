"""When what has passed is swept away: a timer on event time."""

# State is swept this many times in the course of what it is kept for.
SWEEPS = 8


class Timer:
    """Comes due at once, then once in `every` microseconds of event time, and where time falls back."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.next: int | None = None

    def is_due(self, now: int) -> bool:
        if self.next is not None and self.next - self.every <= now < self.next:
            return False
        self.next = now + self.every
        return True
