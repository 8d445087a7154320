"""The project's words: plain English instead of words that a reader would have to translate."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
# Each expression with the words to write instead.
INSTEAD: Mapping[str, str] = {
    r"mend(?:s|ed|ing)?": "fix",
    r"anew": "again, from the start",
    r"begun": "started",
    r"meanwhile": "while …, in the meantime",
    r"by and by": "later, gradually",
    r"amiss": "wrong",
    r"h[oe]ld against": "compared with",
    r"in vain": "without success",
    r"comes? (?:to an end|along)": "ends, progresses",
    r"not to be had": "unavailable",
    r"as well as that": "and",
    r"hindrances?": "problem",
    r"vantage": "the name of the place",
    r"look-ups?": "lookup",
    r"goes on|went on": "continues",
    r"(?<!there )is no(?! longer| more)": "is not a",
}
INSTEAD_OF = ("", *INSTEAD.values())
PATTERN = re.compile("|".join(rf"(\b(?:{words})\b)" for words in INSTEAD), re.IGNORECASE)
DOCUMENTS = sorted(
    {
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*/README.md"),
        *ROOT.glob("deploy/*/README.md"),
    }
)
MODULES = sorted(ROOT.glob("monitor/**/*.py"))


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """Return the lines of a document, or the comments and strings of a module, with their line numbers."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield from enumerate(token.string.splitlines(), token.start[0])


@pytest.mark.parametrize("path", [*DOCUMENTS, *MODULES], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_written_in_plain_english(path: Path) -> None:
    complaints = [
        f"line {number}: {match[0]!r}: write {INSTEAD_OF[match.lastindex or 0]!r}"
        for number, line in texts_of(path)
        for match in PATTERN.finditer(line)
    ]
    assert complaints == []
