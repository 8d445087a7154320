"""Builds of the node: images pinned by digest, with the versions that they report."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.domain.json_text import json_object, json_text
from monitor.domain.sanitize import one_line

_VERSION_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions that a node prints for `--version-json` (avalanchego `version/string.go`)."""

    application: str
    database: str
    rpcchainvm: int
    commit: str
    go: str

    @classmethod
    def parse(cls, text: str) -> Versions:
        """Parse the JSON that a node prints, or that an annotation of the pod contains.

        Raises:
            ValueError: the text is not such JSON; the message says what is missing.
        """
        answer = json_object(text)
        if "application" not in answer:
            raise ValueError('no JSON object with an "application"')
        try:
            rpcchainvm = int(answer.get("rpcchainvm", 0))
        except (TypeError, OverflowError) as error:
            raise ValueError(f'"rpcchainvm" is not a number ({error})') from error
        return cls(
            application=one_line(str(answer["application"]), _VERSION_CHARACTERS),
            database=one_line(str(answer.get("database", "")), _VERSION_CHARACTERS),
            rpcchainvm=rpcchainvm,
            commit=one_line(str(answer.get("commit", "")), _VERSION_CHARACTERS),
            go=one_line(str(answer.get("go", "")), _VERSION_CHARACTERS),
        )

    def to_json(self) -> str:
        """Return the versions as JSON on one line, as in the annotation of the pod."""
        return json_text(
            {
                "application": self.application,
                "database": self.database,
                "rpcchainvm": self.rpcchainvm,
                "commit": self.commit,
                "go": self.go,
            }
        )


@dataclass(frozen=True, slots=True)
class Build:
    """Node image pinned by digest, with the versions that it reports (`None`: unknown).

    A build may have several digests, such as that of the index and that of the platform.
    """

    image: str
    digests: frozenset[str]
    versions: Versions | None = None

    def same(self, other: Build) -> bool:
        """Return whether both are one build, that is, whether they have a digest in common."""
        return not self.digests.isdisjoint(other.digests)

    @property
    def version(self) -> str:
        """Version, such as `avalanchego/1.14.2`; empty if unknown."""
        return self.versions.application if self.versions else ""

    @property
    def commit(self) -> str:
        """Commit as 40 hexadecimal digits; empty if unknown."""
        return self.versions.commit if self.versions else ""
