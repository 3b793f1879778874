"""What people get wrong in the order of things, and the sentence that helps.

`parser` asks `explain` about each place where a text goes wrong: what stood before, what came, and which terminals the
parser would have accepted there (Lark's `accepts`, which is right at any depth). The answers are tried in the order of
`ANSWERS`, the special before the general, the table of `expected` last. An answer may carry the words that were
meant, and the parser goes on as if they stood there.
"""

import re
from collections.abc import Callable

from lark import Token

from . import slips, tree
from .diagnostic import Fix, Label
from .expected import anything, expected
from .nearest import nearest
from .source import Span
from .trouble import CLAUSES, DECLARATIONS, RESERVED, Hint, Trouble, answer


def explain(trouble: Trouble) -> Hint:
    """The first answer that fits; the last one always does."""
    return next(hint for ask in ANSWERS if (hint := ask(trouble)) is not None)


# -- words in braces ----------------------------------------


def _include(t: Trouble) -> Hint | None:
    if t.inside != "set" or not t.came.startswith("..."):
        return None
    word = re.compile(r"\.\.\.[^\s,{}\"'#]*").match(t.text, t.at)
    here = Span(t.at, word.end()) if word else t.here
    return answer("C120", "`...` is followed by the name of a parameter", Label(here, "not a parameter's name"))


def _in_set(t: Trouble) -> Hint | None:
    if t.inside not in ("set", "map") or t.ended or not t.is_before("WORD", "STRING", "INCLUDE", "RBRACE", "COMMA"):
        return None
    if t.is_before("COMMA") and t.inside == "set":
        return None
    if t.came == "{":
        what = "the sets of a map hold no maps" if t.inside == "set" and _nested_map(t) else "a set holds words only"
        shape = ("every entry of a map is `word: { words }`",)
        return answer("C121", "braces inside a set", Label(t.here, what), helps=shape)
    if t.inside == "map" or (t.came == ":" and t.is_before("STRING")):
        return answer("C121", "this map has something else than entries", Label(t.here, "expected `,` or `}`"))
    follows = re.compile(r"[{}]|[-~]>|^[A-Za-z_]\w*[ \t]*=(?!=)|^(?:param|chain|kind|test|except)\b", re.M).search(
        t.text, t.at
    )
    if t.new_line and (follows is None or follows[0] != "}"):
        return _unclosed(t)
    row = re.compile(r"""[^,{}\n#"']*""").match(t.text, t.at)
    end = row.end() if row else t.here.end
    both = Span(t.last.start, len(t.text[:end].rstrip()))
    words = t.text[both.start : both.end]
    if t.new_line or '"' in words or "'" in words or t.sort == "string":
        after = Label(Span(t.last.end, t.last.end), "no comma after this word")
        where = after if t.new_line else Label(t.here, "begins another word")
        return answer(
            "C120",
            "a comma is missing between two words",
            where,
            fix=Fix(Span(t.last.end, t.last.end), ","),
            feeds=(("COMMA", ","),),
            resume=t.at,
        )
    quoted = f"'{words}'" if "\\" in words else f'"{words}"'
    commas = ", ".join(words.split())
    helps: tuple[str, ...] = (f"one word: `{quoted}`", f"several: `{commas}`") if len(words) < 80 else ()
    return answer(
        "C120",
        "words of a set are separated by commas",
        Label(both, "one word, or several?"),
        helps=helps,
        feeds=(),
        resume=both.end,
    )


def _nested_map(t: Trouble) -> bool:
    return len(t.opened) > 1


def _unclosed(t: Trouble) -> Hint | None:
    if not t.opened or not (t.ended or t.new_line or t.is_arrow):
        return None
    declares = t.came in DECLARATIONS or re.match(r"[ \t]*=(?!=)", t.after) is not None
    if not t.ended and t.inside != "set" and not declares and not (t.is_arrow and t.inside != "group"):
        return None
    bracket = t.opened[-1]
    start = bracket.start_pos or 0
    partner = {"{": "}", "(": ")", "[": "]"}[str(bracket)]
    marks = [Label(Span(start, start + 1), "opened here and nowhere closed")]
    inside = t.text[start : t.at]
    here = Span(t.last.end, t.last.end)
    fix = Fix(here, f" {partner}" if partner == "}" else partner)
    if t.inside == "set" and (eaten := re.search(r"""([^\s,{}"'#]+)#[^\s,{}"']*""", inside)):
        at = start + eaten.end(1)
        marks.append(Label(Span(at, at + 1), "this begins a comment; a word that holds `#` is quoted"))
        fix = Fix(Span(start + eaten.start(), start + eaten.end()), f"'{eaten[0]}'")
    return answer("C104", f"this `{bracket}` is not closed", *marks, fix=fix)


# -- chains ----------------------------------------


def _second_chain(t: Trouble) -> Hint | None:
    """A step where neither an arrow nor a clause has led."""
    starts = t.came in ("(", "!") or (t.sort == "name" and t.came not in RESERVED)
    if not starts or t.opened or not {"CHAIN", "EXCEPT"} & t.accepts:
        return None
    if "." in t.came and "ARROW" not in t.accepts:
        return None
    steps = [v for v in t.stack if isinstance(v, tree.Element)]
    if "ARROW" in t.accepts:
        if t.came == "(" and t.is_before("NAME"):
            return _spaced_parenthesis(t)
        if "." in t.came:
            where = Label(t.here, "a field is no step")
            return answer("C114", "a field stands only in a condition", where, helps=("conditions begin with `where`",))
        if t.sort == "name" and _lone_word(t):
            where = Label(t.here, "expected an arrow, a clause or the end of the chain")
            return answer("C110", f"`{t.came}` has no place here", where, helps=("steps are joined by `->` or `~>`",))
        notes = (
            ("a second chain in one file needs a name, and so does the first: `chain name: ...`",) if t.new_line else ()
        )
        where = Label(
            Span(t.last.start, t.here.end) if not t.new_line else t.here,
            "no arrow between these steps" if not t.new_line else "no arrow leads here",
        )
        return answer(
            "C110",
            "an arrow is missing between two steps",
            where,
            notes=notes,
            fix=Fix(Span(t.at, t.at), "-> "),
            feeds=(("ARROW", "->"),),
            resume=t.at,
        )
    labels = [Label(t.here, "a chain begins here")]
    named = [v for v in t.stack if isinstance(v, tree.Chain) and v.name is not None]
    if named or t.declaration == "CHAIN":
        message = "a chain without a name among chains that have one"
    else:
        message = "a second chain without a name"
        first = next(
            (
                v.positions[0].span if isinstance(v, tree.Chain) else v.span
                for v in t.stack
                if isinstance(v, tree.Chain)
            ),
            None,
        )
        first = first or (steps[0].span if steps else None)
        if first is not None and (meant := nearest(t.text[first.start : first.end], DECLARATIONS)):
            where = Label(first, f"did you mean `{meant}`?")
            message = f"`{t.text[first.start : first.end]}` is not a word of the language"
            return answer("C109", message, where, fix=Fix(first, meant), afresh=True)
        if first is not None:
            labels.append(Label(first, "the first one"))
    return answer("C113", message, *labels, helps=("give every chain a name: `chain name: ...`",), afresh=True)


def _lone_word(t: Trouble) -> bool:
    """A word that no arrow follows, on the line of the chain: more likely a slip than a step."""
    return (
        not t.new_line
        and bool(re.match(r"[ \t]+[A-Za-z_0-9]", t.after))
        and not re.match(r"\s+(?:as|by|under|of|from|where|and|within|per|once|until|without)\b", t.after)
    )


def _spaced_parenthesis(t: Trouble) -> Hint | None:
    gap = Span(t.last.end, t.at)
    if t.came != "(" or not t.is_before("NAME", "NEW") or gap.start == gap.end:
        return None
    return answer(
        "C127",
        f"white space between `{t.before}` and its `(`",
        Label(t.last.to(t.here), "the parenthesis follows the name directly"),
        fix=Fix(gap, ""),
    )


def _arrow(t: Trouble) -> Hint | None:
    if (
        t.is_before("ARROW")
        and t.inside != "hop"
        and (t.ended or t.is_arrow or t.came in RESERVED or not {"LSQB"} <= t.accepts)
    ):
        what = "no step between these arrows" if t.is_arrow else "no step follows this arrow"
        return answer("C111", "an arrow leads to a step", Label(t.last.to(t.here) if t.is_arrow else t.last, what))
    if t.is_arrow and t.inside == "group" and "RPAR" in t.accepts:
        labels = (Label(t.here, "a sequence cannot stand in parentheses"), Label(t.bracket, "opened here"))
        helps = ("`&` asks for both in any order, `|` for either; repeat or negate the steps one by one",)
        return answer("C112", "arrows join steps outside of parentheses", *labels, helps=helps)
    if t.is_arrow and t.is_before("AND") and "NUMBER" not in t.accepts:
        return answer("C114", "`and` joins two kinds of one event", Label(t.last, "no kind follows"))
    if t.is_arrow and "NUMBER" in t.accepts:
        return answer("C125", "the condition is incomplete", Label(t.last, "nothing follows"))
    if t.is_arrow and t.declaration == "KIND" and not t.new_line:
        return answer("C132", "a kind is one step", Label(t.here, "a kind holds no arrows"))
    if t.is_arrow and {"CALL", "NAME"} <= t.accepts and not t.opened:
        return answer("C111", "an arrow leads from a step", Label(t.here, "no step stands before this arrow"))
    return None


def _group(t: Trouble) -> Hint | None:
    if t.inside != "group" or t.came != ")":
        return None
    if t.is_before("LPAR"):
        return answer("C114", "these parentheses hold no step", t.last.to(t.here))
    if {"BOTH", "EITHER"} & t.accepts:
        where = Label(t.bracket.to(t.here), "one member")
        return answer("C112", "an arrow in parentheses belongs to a member of `&` or `|`", where)
    return None


def _misplaced_clause(t: Trouble) -> Hint | None:
    if t.came in CLAUSES and t.declaration in ("SEVERITY", "EXCEPT", "TEST"):
        line = t.declaration.lower()
        where = Label(t.here, f"clauses stand before the `{line}` line")
        return answer("C118", f"`{t.came}` belongs to the chain", where)
    if (
        t.came in CLAUSES
        and "WITHIN" not in t.accepts
        and any(isinstance(v, tree.Chain) for v in t.stack)
        and not t.opened
    ):
        return answer("C118", f"`{t.came}` belongs to the chain", Label(t.here, "clauses follow the chain's last step"))
    return None


def _step_part(t: Trouble) -> Hint | None:
    if t.came == "!" and t.is_before("BANG"):
        return answer("C114", "`!` stands once before its step", Label(t.last.to(t.here), "once is enough"))
    if t.came in ("?", "+") and {"?": "QUESTION", "+": "REPEATED"}[t.came] in t.accepts:
        gap = Span(t.last.end, t.at)
        return answer(
            "C114",
            f"`{t.came}` follows its step without white space",
            Label(t.here, "move it to the step"),
            fix=Fix(gap, ""),
            feeds=(({"?": "QUESTION", "+": "REPEATED"}[t.came], t.came),),
            resume=t.here.end,
        )
    chain = "ARROW" in t.accepts and t.declaration != "KIND"
    if chain and t.came in ("{", "+"):
        helps = ("put the step in parentheses: `(write where file.size > 1MB)+`",)
        return answer(
            "C114",
            "a step with `where` is repeated in parentheses",
            Label(t.here, "repeats what stands before"),
            helps=helps,
        )
    if chain and t.came in ("by", "under", "of", "from", "where", "and"):
        helps = ("the order is: kind(arguments) link where condition, then `?`, `+`, `{...}`, `as`",)
        return answer(
            "C114",
            f"`{t.came}` stands too late in its step",
            Label(t.here, "belongs before what is written here"),
            helps=helps,
        )
    return None


def _without_prior(t: Trouble) -> Hint | None:
    if not any(isinstance(v, Token) and v.type == "PRIOR" for v in t.stack) and not t.is_before("WITHOUT"):
        return None
    if t.is_before("WITHOUT"):
        return answer("C117", "`without` is followed by `prior`", Label(t.last, "write `without prior`"))
    if t.came == "where":
        helps = ("declare a kind with that condition: `kind name: STEP where ...`",)
        return answer("C117", "the step of `without prior` takes no `where`", Label(t.here, "not here"), helps=helps)
    if "IN" in t.accepts:
        where = Label(t.here, "expected `in` and a duration")
        return answer("C117", "`without prior` needs its look-back", where, helps=("write how far: `in 24h`",))
    return None


ANSWERS: tuple[Callable[[Trouble], Hint | None], ...] = (
    slips.typography,
    slips.open_string,
    slips.foreign_character,
    slips.comment,
    slips.no_least,
    _include,
    _in_set,
    slips.bare_word,
    slips.number,
    slips.foreign_operator,
    slips.reserved,
    _without_prior,
    slips.misspelt,
    _misplaced_clause,
    _group,
    _arrow,
    _step_part,
    _spaced_parenthesis,
    _second_chain,
    _unclosed,
    expected,
    anything,
)
