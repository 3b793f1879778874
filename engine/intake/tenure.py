"""Who had something at a time: an address or an interface, which one after another may have.

Nobody says "I have 10.0.0.5 from nine to five"; records claim it for a moment. A holder's claims that are at most an
hour apart are one *tenure*, so whatever the order of the records the tenures are the same:

    ws-1   c c  c c                              c c           a later lease of the same address
    ws-2                 c   c c c
           '-----'       '-----'                 '-'           three tenures; between them the one before lasts on

A tenure that overlaps another holder's is a claim of two machines behind two NATs (every laboratory has a 10.0.2.15):
it proves nothing. Used by `whose` for the hosts of flows, and by matching for containers and instances.
"""

from collections import OrderedDict
from collections.abc import Hashable

HOUR = 3_600_000_000  # µs; no lease is handed on and back within one

# Real hosts have below a hundred addresses, containers' bridges among them; a forged one must not push out the others'.
EACH = 256
# Tenures that one thing remembers; of more the oldest is forgotten.
LONGEST = 32


class _Tenure:
    __slots__ = ("first", "holder", "is_closed", "last")

    def __init__(self, holder: Hashable, at: int) -> None:
        self.holder = holder
        self.first = self.last = at
        self.is_closed = False

    def overlaps(self, other: "_Tenure") -> bool:
        return self.first <= other.last and other.first <= self.last


class Tenures:
    """Things and their holders. Of more than `most` things the one claimed first is forgotten."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._of: OrderedDict[Hashable, list[_Tenure]] = OrderedDict()
        self._held: dict[Hashable, set[Hashable]] = {}  # by holder

    def claim(self, thing: Hashable, holder: Hashable, at: int) -> None:
        """Takes that the holder has the thing at this moment."""
        tenures = self._of.get(thing)
        if tenures is not None:
            newest = tenures[-1]
            if newest.holder == holder and newest.first <= at and not newest.is_closed:
                if at <= newest.last:
                    return
                if len(tenures) == 1 and at <= newest.last + HOUR:  # so it is with nearly all
                    newest.last = at
                    return
        held = self._held.setdefault(holder, set())
        if thing not in held:
            if len(held) >= EACH:
                return
            held.add(thing)
        if tenures is None:
            if len(self._of) >= self._most:
                self._drop(next(iter(self._of)))
            tenures = self._of[thing] = []
        made = _Tenure(holder, at)
        for tenure in [t for t in tenures if t.holder == holder]:
            if tenure.is_closed:
                if tenure.first <= at <= tenure.last:
                    return
            elif tenure.first - HOUR <= at <= tenure.last + HOUR:
                made.first, made.last = min(made.first, tenure.first), max(made.last, tenure.last)
                tenures.remove(tenure)
        tenures.append(made)
        if len(tenures) > LONGEST:
            tenures.remove(min(tenures, key=lambda t: t.last))

    def release(self, holder: Hashable, at: int) -> None:
        """Takes that the holder has nothing any more from this moment on, until it claims again."""
        for thing in self._held.get(holder, ()):
            for tenure in self._of[thing]:
                if tenure.holder == holder and tenure.first <= at and not tenure.is_closed:
                    tenure.last, tenure.is_closed = at - 1, True  # the next one may begin at this very moment

    def holder(self, thing: Hashable, at: int) -> Hashable | None:
        """Who had it then: whose tenure it was, else of the tenure before it, else of the one after. None where nobody
        is known to, or two are."""
        tenures = self._of.get(thing)
        if tenures is None:
            return None
        found = max((t for t in tenures if t.first <= at), key=lambda t: t.last, default=None)
        if found is None:
            found = min(tenures, key=lambda t: t.first)
        elif found.is_closed and found.last < at:
            return None
        if any(t.holder != found.holder and t.overlaps(found) for t in tenures):
            return None
        return found.holder

    def has(self, holder: Hashable) -> bool:
        """Whether the holder has claimed anything."""
        return holder in self._held

    def forget(self, before: int) -> None:
        """Drop the tenures that ended before a moment; of a thing that nobody has let go of, the newest stays."""
        for thing in [thing for thing, tenures in self._of.items() if any(t.last < before for t in tenures)]:
            tenures = self._of[thing]
            newest = max(tenures, key=lambda t: t.last)
            kept = [t for t in tenures if t.last >= before or (t is newest and not t.is_closed)]
            for holder in {t.holder for t in tenures} - {t.holder for t in kept}:
                self._let_go(holder, thing)
            if kept:
                self._of[thing] = kept
            else:
                del self._of[thing]

    def __len__(self) -> int:
        return len(self._of)

    def __str__(self) -> str:
        return "\n".join(
            f"{thing}: {t.holder} {t.first}..{t.last}{' closed' if t.is_closed else ''}"
            for thing, tenures in sorted(self._of.items(), key=lambda pair: str(pair[0]))
            for t in sorted(tenures, key=lambda t: t.first)
        )

    def _drop(self, thing: Hashable) -> None:
        for holder in {t.holder for t in self._of.pop(thing)}:
            self._let_go(holder, thing)

    def _let_go(self, holder: Hashable, thing: Hashable) -> None:
        held = self._held[holder]
        held.discard(thing)
        if not held:
            del self._held[holder]
