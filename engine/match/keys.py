"""What an event calls the entities that are no processes and no files: one key for all spellings of one entity.

    container   0049994ce283 on dev-1   a host's own; by its first 12 digits, which is what short ids are cut to
    instance    i-0690cd354a0c3850c     the provider's id, unique wherever it is seen
    session     0x5a1c on ws-1          a number is a host's own count, as of Windows' and audit's logon sessions
                ASIA43591892…           any other id is its service's, unique wherever it is seen
    identity    corp\\a                  by domain and name, else the directory's id, else e-mail address or name
    image       docker.io/library/alpine:latest, or a machine image's id
    volume, message                     by their ids

Two keys are one entity exactly if they are equal. Nothing is remembered here; called by `entities`.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from chainrun.dsl.types import Entity

from ..event import Event
from .digests import Digest, digested
from .images import reference
from .memo import Memo


class EntityKey(NamedTuple):
    """One entity. `host` is set where the entity is a host's own: no other host's is the same."""

    entity: Entity
    name: str | Digest
    host: str = ""

    @classmethod
    def of(cls, entity: Entity, name: str, host: str = "") -> "EntityKey":
        """The key by a name that telemetry brings: of a long one by its digest, since keys are remembered for long."""
        return cls(entity, digested(name), host)

    def __str__(self) -> str:
        return f"{self.entity} {self.name}{f' on {self.host}' if self.host else ''}"


# -- containers, instances, images, messages ----------------------------------------

_CONTAINER = re.compile(r"[0-9a-fA-F]{12,64}")


def container(event: Event, text: str) -> EntityKey | None:
    """Docker shows 12 of 64 digits, Tetragon 24 or 31: the first 12 tell any two containers of a host apart."""
    name = text.strip().rpartition("://")[2]  # Kubernetes writes containerd://
    if _CONTAINER.fullmatch(name):
        name = name[:12].lower()
    return EntityKey.of(Entity.CONTAINER, name, event.host) if name else None


def instance(event: Event, text: str) -> EntityKey:
    """Azure's ids are paths that its services write in any case."""
    return EntityKey.of(Entity.INSTANCE, text.lower() if text.startswith("/") else text)


_DIGEST = re.compile(r"(?:[a-z-]+://)?(?:sha256:)?([0-9a-f]{64})")


def _image_name(text: str) -> str | None:
    found = reference(text)
    if found is None:
        digest = _DIGEST.fullmatch(text.strip())
        return f"sha256:{digest[1]}" if digest else None
    # The tag is what the records of one image share: most do not know the digest.
    version = f":{found.tag}" if found.tag else f"@{found.digest}"
    return f"{found.registry}/{found.path}{version}"


_images = Memo(_image_name)


def image(event: Event, text: str) -> EntityKey | None:
    """A reference in full, with Docker's defaults; of a bare id, the id."""
    name = _images[text]
    return EntityKey.of(Entity.IMAGE, name) if name is not None else None


def message(event: Event, text: str) -> EntityKey:
    """The id of RFC 5322, with its angle brackets or without."""
    return EntityKey.of(Entity.MESSAGE, text.strip().removeprefix("<").removesuffix(">"))


# -- sessions and identities ----------------------------------------

_COUNTED = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20}")
_NO_SESSION = frozenset({0, 2**32 - 1, 2**64 - 1})  # audit writes -1 unsigned


def session(event: Event, text: str) -> EntityKey | None:
    if not _COUNTED.fullmatch(text):
        return EntityKey.of(Entity.SESSION, text)
    number = int(text, 16 if text[:2] in ("0x", "0X") else 10)
    return None if number in _NO_SESSION else EntityKey.of(Entity.SESSION, hex(number), event.host)


_UID = re.compile(r"[0-9]{1,10}")
# The system's own accounts, which every Windows host has: SYSTEM, LOCAL SERVICE, NETWORK SERVICE.
_LOCAL_SIDS = frozenset({"S-1-5-18", "S-1-5-19", "S-1-5-20"})


def identity(event: Event, aliases: Mapping[str, str]) -> EntityKey | None:
    r"""Who acts, as the canonical user. `aliases`: small-letter spellings (`corp\a`, `a@corp`, an ARN) that the site
    file says are one, and what to call that one."""
    id, name, domain, email = (_text(event, f) for f in ("user.id", "user.name", "user.domain", "user.email"))
    arn = _text(event, "aws.cloudtrail.user_identity.arn") if aliases else None
    if name is not None and domain is None and "\\" in name:
        domain, _, name = name.rpartition("\\")
    full = rf"{domain}\{name}".casefold() if domain and name else None
    if aliases:
        for spelling in (full, id, arn, email, name):
            if spelling and (told := aliases.get(spelling.casefold())) is not None:
                return EntityKey.of(Entity.IDENTITY, told)
    is_local = id in _LOCAL_SIDS
    if full is not None:
        return EntityKey.of(Entity.IDENTITY, full, event.host if is_local or full.startswith("nt authority\\") else "")
    if id is not None and not _UID.fullmatch(id):
        return EntityKey.of(Entity.IDENTITY, id, event.host if is_local else "")
    if email is not None:
        return EntityKey.of(Entity.IDENTITY, email.casefold())
    if name:
        # names of directories have no case, those of Linux have
        return EntityKey.of(Entity.IDENTITY, name.casefold() if "@" in name or event.os == "windows" else name)
    return EntityKey.of(Entity.IDENTITY, id, event.host) if id is not None else None


def _text(event: Event, field: str) -> str | None:
    value = event.fields.get(field)
    return value if isinstance(value, str) and value else None
