"""When what has passed is swept away: a timer on event time."""


class Timer:
    """Comes due once in `every` microseconds of event time; begins anew where time falls back."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.next: int | None = None

    def is_due(self, now: int) -> bool:
        due = self.next is not None and now >= self.next
        if due or self.next is None or now < self.next - self.every:
            self.next = now + self.every
        return due
