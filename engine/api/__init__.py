"""The public face: what `import chainrun` shows, lazily.

    import chainrun

    analytic = chainrun.load("an1316.chain", settings=["TimeWindow=10m"])
    for alert in chainrun.run(analytic, ["events.jsonl"]):
        print(alert.title, alert.scope)

A name is imported when it is first used, so that `import chainrun` costs nothing. Nothing inside the product imports
from here.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrun.dsl.diagnostic import ChainError as ChainError
    from chainrun.dsl.diagnostic import Diagnostic as Diagnostic
    from chainrun.dsl.model import Analytic as Analytic
    from chainrun.dsl.model import Chain as Chain
    from chainrun.engine.chains import Library as Library
    from chainrun.engine.chains import load as load
    from chainrun.engine.chains import read_library as read_library
    from chainrun.engine.engine import Engine as Engine
    from chainrun.engine.event import Event as Event
    from chainrun.engine.event import Origin as Origin
    from chainrun.engine.formats.spec import FormatError as FormatError
    from chainrun.engine.report.alert import Alert as Alert
    from chainrun.engine.report.jsonl import to_line as to_line
    from chainrun.engine.report.text import to_block as to_block
    from chainrun.engine.run import Options as Options
    from chainrun.engine.run import Run as Run
    from chainrun.engine.run import run as run
    from chainrun.engine.study.explain import explain as explain

    __version__: str

# name -> the room it lives in
_HOMES = {
    "Alert": "engine.report.alert",
    "Analytic": "dsl.model",
    "Chain": "dsl.model",
    "ChainError": "dsl.diagnostic",
    "Diagnostic": "dsl.diagnostic",
    "Engine": "engine.engine",
    "Event": "engine.event",
    "FormatError": "engine.formats.spec",
    "Library": "engine.chains",
    "Options": "engine.run",
    "Origin": "engine.event",
    "Run": "engine.run",
    "explain": "engine.study.explain",
    "load": "engine.chains",
    "read_library": "engine.chains",
    "run": "engine.run",
    "to_block": "engine.report.text",
    "to_line": "engine.report.jsonl",
}

__all__ = [
    "Alert",
    "Analytic",
    "Chain",
    "ChainError",
    "Diagnostic",
    "Engine",
    "Event",
    "FormatError",
    "Library",
    "Options",
    "Origin",
    "Run",
    "__version__",
    "explain",
    "load",
    "read_library",
    "run",
    "to_block",
    "to_line",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module(f"{__name__}.engine.version").VERSION
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
