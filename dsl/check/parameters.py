"""Parameters: declared, overridden, and used as one type of word each.

A parameter is resolved when something first asks for it, so that the order in a file does not matter and a circle is
found. Its default is evaluated, then what overrides it, lowest precedence first; a value of another type or without its
unit is refused. What a set's words are (programs, paths, …) comes from where it is used, and only from there.
"""

from collections.abc import Iterable

from chainrun.dsl import model, tree
from chainrun.dsl.diagnostic import Label
from chainrun.dsl.nearest import nearest
from chainrun.dsl.overrides import Setting
from chainrun.dsl.source import Source, Span
from chainrun.dsl.types import ValueType

from . import spelling, values, words
from .faults import Faults
from .values import NOUNS, Valued

LONGEST = 100 * 365 * 24 * 3_600_000_000  # microseconds: far from where sums of times overflow
DEEPEST = 40  # parameters in parameters
MOST_WORDS = 500_000  # of all parameters together, each with what it includes
UNIT_EXAMPLES = {ValueType.DURATION: "10m", ValueType.BYTES: "5MB", ValueType.PERCENTAGE: "40%"}


class Known:
    """A parameter that the file, or the prelude (`shared`), declares."""

    def __init__(self, declared: tree.Parameter, faults: Faults, shared: bool) -> None:
        self.name = declared.name.text
        self.declared = declared
        self.faults = faults
        self.shared = shared
        self.origin = "prelude" if shared else "default"
        self.default = ""
        self.valued: Valued | None = None  # None until resolved, and where it is faulty
        self.state = "new"  # new, resolving, resolved
        self.used = False
        self.role: ValueType | None = None
        self.user = ""  # what gave it its role
        self.disputed = False

    @property
    def shape(self) -> ValueType | None:
        """What the words look like: asked only to tell which of two conflicting uses is the odd one."""
        if self.valued is None or not self.valued.written:
            return None
        rooted = sum(w.word.text[:1] in "/~%\\" or w.word.text[1:3] == ":\\" for w in self.valued.written)
        return ValueType.PATH if 2 * rooted >= len(self.valued.written) else ValueType.PROGRAM


class Parameters:
    """All parameters that names of this file can mean."""

    def __init__(self, settings: tuple[Setting, ...] = ()) -> None:
        self.override_faults: dict[Source, Faults] = {}
        for setting in settings:
            self.override_faults.setdefault(setting.source, Faults(setting.source))
        self._known: dict[str, Known] = {}
        self._settings = settings
        self._resolving = 0
        self._words = 0
        self._first_uses: dict[str, Span] = {}

    def declare(self, parameters: Iterable[tree.Parameter], faults: Faults, *, shared: bool = False) -> None:
        """Make parameters known; those of the file hide the prelude's."""
        for declared in parameters:
            name = declared.name.text
            earlier = self._known.get(name)
            if earlier is not None and not earlier.shared:
                also = (Label(earlier.declared.name.span, "first declared here"),)
                faults.error("C208", f"parameter `{name}` is declared twice", declared.name.span, also=also)
                continue
            self._known[name] = Known(declared, faults, shared)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @property
    def own(self) -> list[Known]:
        """The file's own parameters, in order."""
        return [k for k in self._known.values() if not k.shared]

    @property
    def used(self) -> list[Known]:
        """The parameters that count: the file's own and those of the prelude that it uses."""
        return [k for k in self._known.values() if k.valued is not None and (k.used or not k.shared)]

    # -- names to values ----------------------------------------

    def get(self, name: tree.Name | tree.Path, faults: Faults, extra: Iterable[str] = ()) -> Known | None:
        """The parameter of this name, resolved; an unknown one is reported. `extra`: other names that fit there."""
        text = name.text if isinstance(name, tree.Name) else ".".join(name.parts)
        known = self._known.get(text)
        if known is None:
            own = [k.name for k in self.own]
            meant = nearest(text, [*self._known, *extra])
            faults.error(
                "C202",
                f"no parameter is called `{text}`",
                name.span,
                f"did you mean `{meant}`?" if meant else "",
                notes=(f"parameters of this file: {', '.join(own)}",) if 0 < len(own) <= 30 else (),
                helps=() if meant else (f'if it is a text, quote it: `"{text}"`',),
            )
            return None
        known.used = True
        self._resolve(known, name.span, faults)
        return known if known.valued is not None else None

    def valued(self, name: tree.Name | tree.Path, faults: Faults) -> Valued | None:
        """The value behind a name inside another value."""
        known = self.get(name, faults)
        return known.valued if known is not None else None

    def evaluate(self, value: values.Value, faults: Faults) -> Valued | None:
        """A constant written where it is used."""
        return values.evaluate(value, self.valued, faults)

    def resolve_all(self) -> None:
        """Look at the file's parameters that nothing asked for too: their faults count."""
        for known in self.own:
            self._resolve(known, known.declared.name.span, known.faults)

    def _resolve(self, known: Known, asked: Span, faults: Faults) -> None:
        if known.state == "resolved":
            return
        if known.state == "resolving":
            also = (Label(known.declared.name.span, "back to here"),) if faults is known.faults else ()
            faults.error("C215", f"`{known.name}` is made of itself", asked, "this leads in a circle", also=also)
            return
        if self._resolving > DEEPEST:
            faults.error("C107", f"parameters in parameters, more than {DEEPEST} deep", asked, "one too many")
            known.state = "resolved"
            return
        known.state = "resolving"
        self._resolving += 1
        valued = values.evaluate(known.declared.value, self.valued, known.faults)
        self._resolving -= 1
        known.state = "resolved"
        if valued is None:
            return
        known.default = spelling.value(valued.value)
        for setting in self._settings:
            if setting.name == known.name and valued is not None:
                valued = self._overridden(known, valued, setting)
                known.origin = setting.origin
        before, self._words = self._words, self._words + (len(valued.written) if valued is not None else 0)
        if self._words <= MOST_WORDS:
            known.valued = valued
        elif before <= MOST_WORDS:
            message = f"the parameters come to more than {MOST_WORDS:,} words"
            faults.error("C107", message, asked, "here the last of them came in")

    def _overridden(self, known: Known, valued: Valued, setting: Setting) -> Valued | None:
        faults = self.override_faults[setting.source]
        span = setting.value.span
        value = setting.value
        if setting.text is not None and valued.type is ValueType.TEXT:
            value = tree.Text(text=setting.text, quote="'", span=span)
        given = values.evaluate(value, self.valued, faults)
        if given is None:
            return None
        if setting.operator == "=":
            if given.type is valued.type or {given.type, valued.type} == values.WORDY:
                return given
            unit = UNIT_EXAMPLES.get(valued.type)
            faults.error(
                "C504",
                f"`{known.name}` is {NOUNS[valued.type]}, and this is {NOUNS[given.type]}",
                span,
                "its unit is not guessed" if unit and given.type is ValueType.NUMBER else "",
                notes=(f"the default is {known.default}",),
                helps=(f"write the unit, as in `{unit}`",) if unit else (),
            )
            return None
        if valued.type in values.WORDY and given.type in values.WORDY:
            return values.changed(valued, given, setting.operator, span)
        wrong = known.name if valued.type not in values.WORDY else spelling.value(given.value)
        faults.error(
            "C506",
            f"`{setting.operator}` changes sets of words, and `{wrong}` is not one",
            span,
            notes=(f"`{known.name}` is {NOUNS[valued.type]}",),
        )
        return None

    # -- uses ----------------------------------------

    def use(self, known: Known, role: ValueType, span: Span, user: str, faults: Faults) -> bool:
        """Note that the words are tested as this type by `user`; False, after a fault, where another use differs."""
        first = self._first_uses.setdefault(known.name, span)
        if known.role is None:
            known.role, known.user = role, user
        elif known.role is not role:
            self._conflict(known, role, span, user, first, faults)
            return False
        for name in known.valued.includes if known.valued is not None else ():
            included = self._known[name]
            if included.role is None:
                self.use(included, role, span, user, faults)
        return True

    def check_words(self) -> None:
        """Report words that can never match, once all uses are known; where uses differ, that alone is said."""
        for known in self._known.values():
            if known.role is not None and known.valued is not None and not known.disputed:
                for word in known.valued.written:
                    words.check_word(word, known.role)

    def _conflict(self, known: Known, role: ValueType, span: Span, user: str, first: Span, faults: Faults) -> None:
        assert known.role is not None
        known.disputed = True
        odd_role, odd_span, odd_user, role_, user_ = role, span, user, known.role, known.user
        if known.shape is role and known.shape is not known.role:
            # the words speak for this use, so the first one is the odd one
            odd_role, odd_span, odd_user, role_, user_ = known.role, first, known.user, role, user
        fitting = sorted(
            k.name
            for k in self.own
            if k is not known and (k.role is odd_role or (k.role is None and k.shape is odd_role))
        )
        faults.error(
            "C214",
            f"`{known.name}` is used as {words.NOUNS[role_]} and as {words.NOUNS[odd_role]}",
            odd_span,
            f"... but {odd_user} tests {NOUNS[odd_role]}",
            also=()
            if known.shared or faults is not known.faults
            else (Label(known.declared.value.span, f"these words are {words.NOUNS[role_]} to {user_} ..."),),
            helps=(f"word sets that fit {odd_user} here: {', '.join(fitting)}",) if fitting else (),
        )

    def limit(self, value: tree.Expression, faults: Faults) -> int | None:
        """A duration, or a parameter that is one, in microseconds; always positive."""
        if isinstance(value, tree.Duration):
            found: object = value.microseconds
        elif isinstance(value, tree.Path):
            known = self.get(value, faults)
            if known is None or known.valued is None:
                return None
            literal = known.valued.value
            if known.valued.type is not ValueType.DURATION or not isinstance(literal, model.Literal):
                self._not_a_duration(known, value.span, faults)
                return None
            found = literal.value
        else:
            faults.error("C407", "a duration stands here", value.span)
            return None
        if not isinstance(found, int) or found <= 0:
            faults.error("C305", "this limit is zero or less", value.span, "nothing can happen in no time")
            return None
        if found > LONGEST:
            faults.error("C305", "this limit is longer than a century", value.span, "no telemetry is so old")
            return None
        return found

    def _not_a_duration(self, known: Known, span: Span, faults: Faults) -> None:
        assert known.valued is not None
        bare = known.valued.type is ValueType.NUMBER
        fitting = sorted(k.name for k in self.own if isinstance(k.declared.value, tree.Duration))
        mark = "it has no unit" if bare else f"this is {NOUNS[known.valued.type]}"
        helps = (f"durations of this file: {', '.join(fitting)}",) if fitting else ()
        faults.error(
            "C407",
            f"`{known.name}` is {NOUNS[known.valued.type]}, and a duration stands here",
            span,
            also=() if known.shared else (Label(known.declared.value.span, mark),),
            helps=(f"give it a unit: `{known.name} = {spelling.value(known.valued.value)}m`",) if bare else helps,
        )
