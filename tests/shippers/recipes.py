"""The recipes of docs/shippers.md, as tests run them: with their paths inside a folder, and this chainrun."""

import re
import sys
from pathlib import Path

from ..command import MAIN
from .daemon import ROOT

PAGE = ROOT / "docs" / "shippers.md"


def recipe(path: str, folder: Path | None = None) -> str:
    """The text of the file that the page gives this path; within a folder, if one is named."""
    found = re.search(rf"^```[\w-]*\n(# {re.escape(path)}\n.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None, f"{PAGE} has no {path}"
    if folder is None:
        return found[1]
    for name in ("etc/chainrun", "var/log/telemetry", "var/log/chainrun", "var/lib/chainrun"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = found[1].replace("/opt/chainrun/bin/chainrun", f"{sys.executable} {MAIN}")
    return re.sub(r"(?<!\w)/(etc/chainrun|var/lib/chainrun|var/log/(telemetry|chainrun))\b", rf"{folder}/\1", text)
