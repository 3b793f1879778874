"""Container image references in their parts, and words for them. Called by `words`.

`registry/namespace/name:tag@digest`, with Docker's defaults filled in: `alpine` is `docker.io/library/alpine:latest`.
A word is a registry (`ghcr.io`, `registry.corp.example:5000`), a namespace with its registry (`ghcr.io/org`) or a whole
reference; a bare `alpine` is the image, never a namespace, since anybody can own a namespace of an official image's
name.
"""

import re
from collections.abc import Callable, Iterable

import msgspec
from chainrun.dsl.model import Word

from .globs import any_of, is_wild, plain, segments, spelled
from .memo import Memo

DOCKER = "docker.io"
_DOCKER_NAMES = frozenset({"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"})
_SCHEME = re.compile(r"[a-z-]+://")  # kubelet writes docker-pullable://
_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_LONGEST = 1024


class Reference(msgspec.Struct, frozen=True):
    """An image reference in full; `tag` is None where only a digest names the version."""

    registry: str
    path: str
    tag: str | None
    digest: str | None


def reference(text: str) -> Reference | None:
    """The parts of a reference; None for an image's bare id, which tells no name, and for what is none."""
    text = text.strip()
    if found := _SCHEME.match(text):
        text = text[found.end() :]
    if not text or len(text) > _LONGEST or _ID.fullmatch(text):
        return None
    registry, path, tag, digest = _split(text)
    if not path:
        return None
    return Reference(registry, path, tag if tag or digest else "latest", digest)


def _split(text: str) -> tuple[str, str, str | None, str | None]:
    text, _, digest = text.partition("@")
    first, slash, rest = text.partition("/")
    if slash and _is_host(first):
        registry, path = _registry(first), rest
    else:
        registry, path = DOCKER, text
    head, colon, tag = path.rpartition(":")
    if colon and "/" not in tag:
        path = head
    else:
        tag = ""
    if registry == DOCKER and path and "/" not in path:
        path = "library/" + path
    return registry, path, tag or None, digest or None


def _is_host(first: str) -> bool:
    """Docker's own test of whether a reference begins with a registry."""
    return "." in first or ":" in first or first.casefold() == "localhost"


def _registry(host: str) -> str:
    host = host.casefold()
    return DOCKER if host in _DOCKER_NAMES else host


class Images:
    """A set of image words; `holds[text]` is whether a reference is in it, None where the text names no image."""

    def __init__(self, words: Iterable[Word]) -> None:
        texts = [spelled(w) for w in words]
        self._tests = [test for text in texts for test in _tests(text)]
        self._texts = {plain(t) for t in texts}
        self.holds: Memo[bool | None] = Memo(self._holds)

    def _holds(self, text: str) -> bool | None:
        found = reference(text)
        if found is None:  # an id is a word's own text, or nobody knows of what it is
            return True if text in self._texts and text else None
        return any(test(found) for test in self._tests)


def _tests(text: str) -> Iterable[Callable[[Reference], bool]]:
    """The readings of one word."""
    if text == "*":
        return [lambda r: True]
    prefix = text.rstrip("/")
    if not prefix:
        return []
    host, slash, path = prefix.partition("/")
    readings: list[Callable[[Reference], bool]] = []
    if prefix == text and not _ID.fullmatch(text):
        readings.append(_whole(text))
    if not slash and (prefix != text or "." in host.partition(":")[0] or host.partition(":")[0] == "localhost"):
        is_registry = _equal(_registry(host), ".")
        readings.append(lambda r: is_registry(r.registry))
    elif slash and _is_host(host) and "@" not in path and ":" not in path:
        readings.append(_namespace(_registry(host), path))
    elif prefix != text:
        readings.append(_namespace(DOCKER, prefix))
    return readings


def _namespace(registry: str, path: str) -> Callable[[Reference], bool]:
    is_registry = _equal(registry, ".")
    is_beneath = any_of([segments(path, "/") + "/.*"])
    return lambda r: is_registry(r.registry) and is_beneath(r.path)


def _whole(text: str) -> Callable[[Reference], bool]:
    registry, path, tag, digest = _split(text)
    is_registry, is_path = _equal(registry, "."), _equal(path, "/")
    if tag is None and digest is None and not is_wild(path):
        tag = "latest"  # a wild name without a tag is meant for every tag
    is_tag = _equal(tag, "/") if tag else None
    is_digest = _equal(digest, "/") if digest else None

    def holds(r: Reference) -> bool:
        return (
            is_path(r.path)
            and is_registry(r.registry)
            and (is_tag is None or (r.tag is not None and is_tag(r.tag)))
            and (is_digest is None or (r.digest is not None and is_digest(r.digest)))
        )

    return holds


def _equal(text: str, separator: str) -> Callable[[str], bool]:
    if is_wild(text):
        return any_of([segments(text, separator)])
    return plain(text).__eq__
