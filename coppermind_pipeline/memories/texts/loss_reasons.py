"""Which memory a reason of loss makes: an objection, or a pain point where it names a need or a gap.

The rule, on the reason as a person reads it, in order:

1. It says that there was no need, or that more time, budget or approval was needed: an objection.
2. It names something that was missing, needed, required, unsupported, or a problem that stayed unsolved: a pain point.
3. Everything else (price, timing, a competitor, silence) is an objection.
"""

import re

from coppermind_pipeline.memories.memory_types import MemoryType
from coppermind_pipeline.wording import fold

_NO_NEED = re.compile(
    r"\b(?:no|not|never|without|(?:do|does|did)n'?t|lost)\b(?: \w+){0,2} (?:need|requirement|problem|pain)"
    r"|\bneed(?:s|ed|ing)?\b(?: \w+){0,3} (?:time|budget|approval|sign-?off|funding|discount|cheaper|lower price)"
    r"|\bkein(?:en)? bedarf\b|\bpas besoin\b|\bsin necesidad\b"
)
_NEED_OR_GAP = re.compile(
    r"\b(?:needs?|needed|requires?|required|requirements?|lack(?:s|ed|ing)?|miss(?:es|ed|ing)|gaps?|features?"
    r"|functionalit(?:y|ies)|functions?|capabilit(?:y|ies)|integrations?|integrates?|integrating|scalab\w+"
    r"|unsupported|limitations?|pain|problems?|too complex|hard to use|usability|not supported|no support for"
    r"|(?:does|do|did)(?:n'?t| not) (?:support|have|offer|integrate|scale|cover|fit)"
    r"|can(?:'?t|not) (?:support|handle|integrate|scale|do)|product fit|not a fit|poor fit|bad fit"
    r"|fehlt|fehlen\w*|funktion\w*|manqu\w+|fonctionnalite\w*|falta\w*|funcionalidad\w*)\b"
)


def memory_type_of_loss(reason: str) -> MemoryType:
    """Return `pain_point` where the reason names a need or a gap, else `objection`; the rule is the module's text."""
    folded = fold(reason).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("_", " ")
    if _NO_NEED.search(folded):
        return MemoryType.OBJECTION
    return MemoryType.PAIN_POINT if _NEED_OR_GAP.search(folded) else MemoryType.OBJECTION
