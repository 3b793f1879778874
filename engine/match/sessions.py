"""Who opened which session, and which session assumed which.

    AssumeRole by s1 gives s2, by s2 gives s3      a call of s3 is caused by s3, s2 and s1, and by whoever opened s1
    a sign-in opens a session of an identity       a call that names no session is caused by that, perhaps
    a sign-off ends it
    AssumeRole by an identity that names no session of its own   gives one that its open sessions cause, perhaps

A session that opens another is the event's `session.parent.id`, the opened one its `session.id`, as with a process and
its parent. Ancestors are walked when asked for: a cycle or a chain of thousands costs a bounded walk. Called by
`entities`.
"""

from collections import OrderedDict
from collections.abc import Iterable

from .keys import EntityKey

DEPTH_LIMIT = 64  # ancestors of one session that are walked; real ones are below five
ASSUMERS = 8  # sessions that assumed one and the same, of more the oldest is forgotten
OPEN = 16  # open sessions of one identity, likewise


class _Session:
    __slots__ = ("is_ended", "openers", "parents", "perhaps", "seen")

    def __init__(self) -> None:
        self.parents: dict[EntityKey, None] = {}
        self.perhaps: dict[EntityKey, None] = {}  # parents that are known by their identity alone
        self.openers: dict[EntityKey, None] = {}
        self.is_ended = False
        self.seen = 0


class Sessions:
    """Sessions by key, and the open ones by identity. Of more than `most` the one idle for longest is forgotten."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._sessions: OrderedDict[EntityKey, _Session] = OrderedDict()
        self._open: OrderedDict[EntityKey, dict[EntityKey, None]] = OrderedDict()

    def open(self, session: EntityKey, identity: EntityKey | None, parent: EntityKey | None, at: int) -> None:
        """Takes that an identity signed in. A number that a host counts may come again: what ended is another's."""
        known = self._sessions.get(session)
        if known is not None and known.is_ended:
            del self._sessions[session]
        self.assume(session, identity, parent, at)
        if identity is not None:
            _add(self._open.setdefault(identity, {}), session, OPEN)
            if len(self._open) > self._most:
                self._open.popitem(last=False)

    def assume(self, session: EntityKey, identity: EntityKey | None, parent: EntityKey | None, at: int) -> None:
        """Takes that a session, or an identity without one, opened this one."""
        row = self._sessions.pop(session, None)
        if row is None:
            row = _Session()
            while len(self._sessions) >= self._most:
                self._drop(next(iter(self._sessions)))
        self._sessions[session] = row  # the youngest
        row.seen = at
        if parent is not None and parent != session:
            _add(row.parents, parent, ASSUMERS)
        if identity is not None:
            _add(row.openers, identity, ASSUMERS)
            if parent is not None and parent not in self._sessions:
                for one in self.open_of(identity, session.host):
                    if one != session:
                        _add(row.perhaps, one, ASSUMERS)

    def use(self, session: EntityKey, at: int) -> None:
        """Takes that a session acted, so that it is not forgotten for being idle."""
        row = self._sessions.pop(session, None)
        if row is not None:
            self._sessions[session] = row
            row.seen = at

    def end(self, session: EntityKey | None, identity: EntityKey | None, host: str, at: int) -> None:
        """Takes that a session ended; where it is not named, all that the identity has on this host or in services."""
        if session is not None:
            self._end(session, at)
        elif identity is not None:
            for one in self.open_of(identity, host):
                self._end(one, at)

    def up(self, sessions: Iterable[EntityKey]) -> dict[EntityKey, bool]:
        """The sessions, and those that assumed them, nearest first; whether that is known by an identity alone."""
        found = dict.fromkeys(sessions, False)
        queue = list(found)
        for session in queue:  # grows as it is walked
            row = self._sessions.get(session)
            if row is None:
                continue
            for parent, unlinked in (*((p, found[session]) for p in row.parents), *((p, True) for p in row.perhaps)):
                if parent not in found and len(found) < DEPTH_LIMIT:
                    found[parent] = unlinked
                    queue.append(parent)
        return found

    def openers(self, session: EntityKey) -> Iterable[EntityKey]:
        """The identities that opened a session."""
        row = self._sessions.get(session)
        return row.openers if row is not None else ()

    def open_of(self, identity: EntityKey, host: str) -> tuple[EntityKey, ...]:
        """An identity's open sessions that an event of this host can be of, the latest first."""
        return tuple(s for s in reversed(self._open.get(identity, {})) if s.host in ("", host))

    def forget(self, before: int) -> None:
        """Drop the sessions that ended before a moment."""
        for session in [s for s, row in self._sessions.items() if row.is_ended and row.seen < before]:
            self._drop(session)

    def __len__(self) -> int:
        return len(self._sessions)

    def __str__(self) -> str:
        lines = []
        for session, row in sorted(self._sessions.items(), key=lambda pair: str(pair[0])):
            by = ", ".join(map(str, (*row.openers, *row.parents)))
            lines.append(f"{session}{' ended' if row.is_ended else ''}{f', by {by}' if by else ''}")
        return "\n".join(lines)

    def _end(self, session: EntityKey, at: int) -> None:
        row = self._sessions.get(session)
        if row is not None:
            row.is_ended, row.seen = True, at
            self._close(session, row)

    def _drop(self, session: EntityKey) -> None:
        self._close(session, self._sessions.pop(session))

    def _close(self, session: EntityKey, row: _Session) -> None:
        for identity in row.openers:
            sessions = self._open.get(identity)
            if sessions is not None:
                sessions.pop(session, None)
                if not sessions:
                    del self._open[identity]


def _add(keys: dict[EntityKey, None], key: EntityKey, most: int) -> None:
    """Add a key as the newest; the oldest goes where there are too many."""
    keys.pop(key, None)
    keys[key] = None
    if len(keys) > most:
        del keys[next(iter(keys))]
