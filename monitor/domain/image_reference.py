"""Image references, by the grammar of the OCI distribution specification.

In `host:5000/a/b:tag@sha256:…` the first colon starts a port, and the second starts a tag. A reference with a
digest is pinned, even if it also has a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from monitor.errors import ConfigurationError

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
_DOMAIN = rf"(?:{_HOST}|\[[0-9a-fA-F:]+\])(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:{_DOMAIN}/)?{_COMPONENT}(?:/{_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
    r"(?:@(?P<digest>[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}))?"
)


@dataclass(frozen=True, slots=True)
class ImageReference:
    """Parsed image reference; `repository` includes the registry's host if the reference has one."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> ImageReference:
        """Parse an image reference.

        Raises:
            ConfigurationError: the text does not match the grammar.
        """
        match = _REFERENCE.fullmatch(text)
        if match is None:
            raise ConfigurationError(
                f"image {text!r} is not an image reference: use [host[:port]/]name[:tag][@sha256:digest]"
            )
        return cls(match["repository"], match["tag"], match["digest"])

    @property
    def pinned(self) -> bool:
        """Whether the reference has a digest, and therefore always names one build."""
        return self.digest is not None

    def with_digest(self, digest: str) -> str:
        """Return the reference that pins this repository to a digest."""
        return f"{self.repository}@{digest}"

    def __str__(self) -> str:
        """Return the reference as text."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")
