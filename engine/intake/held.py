"""What a stream's intake holds between two reads: all of it, so that a run can be laid aside there and taken up again.

Between two reads everything that was read has gone as far as it can, so nothing is under way but what stands here. Made
by `intake`, which moves events through it; taken and put back by `engine.state`.
"""

from collections.abc import Iterator, Sequence

import msgspec
from chainrun.engine.event import Event

from .clock import MEASURED, MEASURED_LIVE, Clock, Hold
from .inventory import Inventory
from .lines import LONGEST, Splitter
from .names import Names
from .occurrence import Occurrences
from .order import Duplicates, Reorder
from .seconds import WholeSeconds
from .source import Input, InputError
from .tally import Tally
from .whose import ContainerHosts, HostAddresses


class Place(msgspec.Struct, frozen=True):
    """How far an input was read: so many bytes of its text, of which file or pipe (device and number), and the last of
    them where it is a file that is followed."""

    text: int = 0
    file: tuple[int, int] | None = None
    mark: bytes = b""


class Held:
    """The rooms of intake that remember something, and how far each input was read.

    live   of streams, not of files
    waits  whether events may wait for others: those of files, and of pipes with a lateness
    lasts  it is laid aside: nothing in it may hang on this very process
    """

    def __init__(
        self,
        inputs: Sequence[Input],
        *,
        lateness: int = 0,
        longest: int = LONGEST,
        inventory: Inventory | None = None,
        live: bool = False,
        waits: bool = True,
        lasts: bool = False,
    ) -> None:
        self._longest = longest
        ranks = [input.rank for input in inputs]
        self.tally = Tally()
        self.places = dict.fromkeys(ranks, Place())
        self.splitters = {rank: Splitter(longest) for rank in ranks}
        self.clock = Clock(MEASURED_LIVE if live else MEASURED)
        self.hold = Hold(self.clock)
        self.addresses = HostAddresses(inventory)
        self.containers = ContainerHosts()
        self.reorder = Reorder(ranks, lateness)
        self.duplicates = Duplicates(lasts=lasts)
        self.occurrences = Occurrences(waits)
        self.seconds = WholeSeconds()
        self.names = Names()

    def holders(self) -> Iterator[tuple[object, tuple[str, ...]]]:
        """Whoever owns state here, and the attributes that are."""
        yield self, (
            "tally", "places", "splitters", "clock", "hold", "containers", "reorder", "duplicates", "occurrences",
            "seconds", "names",
        )  # fmt: skip
        yield self.addresses, ("tenures",)

    def waiting(self) -> int:
        """How many events wait here, of those that are asked for."""
        rooms = (self.hold, self.reorder, self.occurrences, self.seconds)
        return sum(is_asked(event) for room in rooms for event in room.events())

    def resume(self, inputs: Sequence[Input], errors: Sequence[InputError]) -> None:
        """Made ready to go on with these inputs, once its state has been put back. Some may have ended before, and some
        may have been added behind those that there were. `errors`: what is known now not to be readable."""
        self.tally.inputs = 0
        self.tally.errors = list(errors)
        for input in inputs:
            self.add(input)

    def add(self, input: Input) -> None:
        """Takes that there is more to come of an input, which may be a new one."""
        self.reorder.begin(input.rank)
        if input.rank not in self.places:
            self.begin(input)

    def begin(self, input: Input, file: tuple[int, int] | None = None) -> None:
        """An input is read from its beginning, or goes on with another file."""
        self.places[input.rank] = Place(0, file)
        self.splitters[input.rank] = Splitter(self._longest)


def is_asked(event: Event) -> bool:
    """Whether an event is more than word of a process, a place or the time."""
    return not event.unasked and bool(event.kinds or event.fields)
