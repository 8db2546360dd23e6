"""What no text may say, found by pattern: for tests of all texts of a portal."""

import re
from collections.abc import Iterable, Iterator

_PATTERNS = {
    "a placeholder": r"(?i)\b(?:in|at|as an?|is|from) (?:n/a|none|null|nan|tbd|unknown|\?+|-+)(?=[.,;)]|$)"
    r'|given: "(?:\?+|-+|n/a|none|null|nan|tbd|other|lost|closed lost)"',
    "an internal value": r"\b[A-Z]{2,}_[A-Z_]{2,}\b|\b(?:closedwon|closedlost|contractsent|newbusiness|existingbusiness"
    r"|marketingqualifiedlead|salesqualifiedlead|appointmentscheduled)\b",
    "a missing article": r"\bworks as (?!an? )|\bin (?:United (?:States|Kingdom|Arab Emirates)|Netherlands|Philippines"
    r"|Bahamas|\w+ Republic)(?=[.,;)]|$)",
    "a stamp of a machine": r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]+)?\b",
    "an empty clause": r'""|\(\)|: [.;]|, [,.;]| {2}|\b(?:at|in|on|with|as|for) [.,;]|: (?:None|null)\b[.,;]|\. \.|“”',
    "markup": r"</?(?:p|b|br|div|span|li|ul|i)\b[^>]*>|&(?:amp|lt|gt|nbsp|quot|#[0-9]+);",
    "what was said already": r'was (?:won|lost) .*Its stage is "Closed (?:Won|Lost)"|Original source: Unknown source',
    "verb and subject at odds": r"\b1 (?:\w+ )?(?:deals|contacts|leads|companies|customers)\b"
    r"|\b1 (?:\w+ )?(?:deal|contact|lead|company|customer) (?:are|were|have)\b",
}
_FAULTS = {fault: re.compile(pattern, re.MULTILINE) for fault, pattern in _PATTERNS.items()}


def faults(text: str) -> Iterator[str]:
    """Yield what is wrong with a text, and where."""
    for fault, pattern in _FAULTS.items():
        if found := pattern.search(text):
            yield f"{fault}: …{text[max(0, found.start() - 30) : found.end() + 30]}…"


def all_faults(texts: Iterable[str]) -> list[str]:
    """Return the faults of all texts."""
    return [fault for text in texts for fault in faults(text)]
