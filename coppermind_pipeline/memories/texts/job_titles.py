"""Job titles as they stand in a sentence: which need an article, and which are no word for a person at all."""

import re

from coppermind_pipeline.wording import fold, with_article

# Held by one person, so that it stands without an article: "is Head of Marketing".
_ONE_PERSONS = re.compile(
    r"(?:(?:group|global|deputy|interim|acting|executive|regional|senior|assistant|associate|national|us|emea|eu) )*"
    r"(?:head|chief|president|vice president|vice-president|[sea]?vp|c[a-z]{1,2}o|founder|co-?founder|owner|co-?owner"
    r"|managing director|general manager|director of|director,|chair(?:man|woman|person)?)\b"
)
_HEAD = re.compile(r"^(.*?)(?: (?:of|for|at|in|und|and|de|du)\b|[,/&|(\u2013-]| - |$)")
_FOR_A_PERSON = re.compile(
    r"\w+(?:er|or|ist|ian|man|woman|person)|assistant|consultant|accountant|attendant|president|superintendent|agent"
    r"|student|resident|executive|representative|operative|rep|lead|intern|analyst|partner|trainee|employee|clerk"
    r"|architect|chef|associate|expert|coach|secretary|nurse|pilot|fellow|attorney|counsel|freelance|apprentice"
    r"|entrepreneur|strategist|specialist|technician"
)
_NOT_FOR_A_PERSON = re.compile(
    r"other|customer|cent(?:er|re)|career|matter|computer|order|labor|floor|power|water|paper|server|letter|number"
    r"|newsletter|consumer|semester|door|color"
)


def occupation(title: str) -> str | None:
    """Return what a title makes of a person: "is Head of Sales", "works as an engineer"; None where it is no such word.

    "Sales" or "Marketing & Events" are fields of work, and no one is one.
    """
    folded = fold(title)
    if _ONE_PERSONS.match(folded):
        return f"is {title}"
    head = _HEAD.match(folded)
    words = head.group(1).split() if head is not None else []
    if not words or _NOT_FOR_A_PERSON.fullmatch(words[-1]) or _FOR_A_PERSON.fullmatch(words[-1]) is None:
        return None
    return f"works as {with_article(title)}"
