"""The project's words: plain English instead of words that a reader would have to translate."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Mapping
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


def complaints(text: str, first_line: int = 1) -> list[str]:
    """Return the words of a text to replace, with their line numbers."""
    return [
        f"line {number}: {match[0]!r}: write {INSTEAD_OF[match.lastindex or 0]!r}"
        for number, line in enumerate(text.splitlines(), first_line)
        for match in PATTERN.finditer(line)
    ]


def complaints_of_module(path: Path) -> list[str]:
    """Return the words to replace in comments and strings, and the identifiers to rename."""
    tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline))
    texts = [token for token in tokens if token.type in (tokenize.COMMENT, tokenize.STRING)]
    names = sorted({token.string for token in tokens if token.type == tokenize.NAME})
    return [
        *(line for token in texts for line in complaints(token.string, token.start[0])),
        *(name for name in names if NAMES.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower())),
    ]


def test_documents_are_written_in_plain_english() -> None:
    by_path = {str(path): complaints(path.read_text(encoding="utf-8")) for path in DOCUMENTS}

    assert {path: lines for path, lines in by_path.items() if lines} == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_texts_and_names_of_modules_are_plain_words(folder: str) -> None:
    modules = [
        path
        for path in (ROOT / folder).rglob("*.py")
        if path != Path(__file__).resolve()
        and "work" not in path.relative_to(ROOT).parts  # the test bed's builds
    ]
    by_path = {str(path): complaints_of_module(path) for path in modules}

    assert modules
    assert {path: lines for path, lines in by_path.items() if lines} == {}
