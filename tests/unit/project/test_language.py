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
    r"aside": "temporary, moved, apart from",
    r"told|tells?": "report, show, describe",
    r"theirs": "the name of the thing",
    r"whoever": "anyone who",
    r"at once": "immediately, together",
    r"for good": "permanently",
    r"there (?:is|are) none": "not found, empty without",
    r"h[oe]ld against": "compared with",
    r"in vain": "without success",
    r"comes? (?:to an end|along)": "ends, progresses",
    r"not to be had": "unavailable",
    r"as well as that": "and",
    r"hindrances?": "problem",
    r"vantage": "the name of the place",
    r"look-ups?": "lookup",
    r"go(?:es)? on|went on": "continues",
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
# The words that no identifier has; some of them are right in a text.
NAMES = re.compile(
    r"(?:^|_)(?:told|tells?|said|begun|meanwhile|aside|anew|vain|amiss|vantage|glimpse|mend(?:s|ed)?|theirs|whoever"
    r"|patience|look(?:s|ed|er|ing)?(?!_up)|at_once|for_good|go(?:es)?_on|there_(?:is|are)_none"
    r"|(?<!there_)(?:is|are)_no(?!_longer))(?:_|$)"
)
FOLDERS = ("monitor", "simulated_node", "tests", "bench", "dashboards", "alerts", "docs", "deploy")
MODULES = sorted(
    path
    for folder in FOLDERS
    for path in ROOT.glob(f"{folder}/**/*.py")
    if path != Path(__file__).resolve()
    and "work" not in path.relative_to(ROOT).parts  # the test bed's builds
)


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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_identifier_is_made_of_plain_words(path: Path) -> None:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    names = {token.string for token in tokens if token.type == tokenize.NAME}
    assert [
        name for name in sorted(names) if NAMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())
    ] == []
