"""The rules that group reasons of loss into themes: a table, in which the first row that matches decides.

A row matches where one of its patterns is found as whole words in the reason as a person reads it, in any case and
without accents. Rows about what the customer did stand before rows about why, so that "chose a competitor with a lower
price" is a loss to a competitor. What no row matches is under "Other reasons".
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from coppermind_pipeline.wording import single_spaced, without_accents


class Theme(StrEnum):
    """A theme of loss; the value is its label."""

    IN_HOUSE = "Built or kept in-house"
    COMPETITOR = "Went to a competitor"
    NO_RESPONSE = "No response"
    CHAMPION_LEFT = "Champion left or company changed"
    PRICE = "Price or budget"
    FEATURE = "Missing feature or integration"
    NO_NEED = "No need or no fit"
    TIMING = "Timing or priority"
    LEGAL = "Legal, security or procurement"
    NO_DECISION = "No decision"
    OTHER = "Other reasons"


@dataclass(frozen=True, slots=True)
class LossRule:
    """One row of the table: a theme, and the pattern that leads to it."""

    theme: Theme
    pattern: re.Pattern[str]


def theme_of(reason: str) -> Theme:
    """Return the theme of a reason as a person reads it; one that says nothing is none (`crm.says_no_reason`)."""
    plain = _plain(reason)
    return next((rule.theme for rule in LOSS_RULES if rule.pattern.search(plain)), Theme.OTHER)


def _plain(reason: str) -> str:
    """Return the text in lower case without accents, `_` and typographic apostrophes."""
    reason = reason.replace("_", " ").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    return single_spaced(without_accents(reason))


def _rule(theme: Theme, *patterns: str) -> LossRule:
    return LossRule(theme, re.compile(rf"\b(?:{'|'.join(patterns)})\b"))


# "no", in the ways in which a reason says it before what was not there.
_NO = r"(?:no|not|never|without|lost|lack of|\w+n't|no longer)"

LOSS_RULES = (
    _rule(
        Theme.IN_HOUSE,
        r"in-?house", r"internal(?:ly)?", r"diy", r"own (?:solution|tool|system|team|software|development)",
        r"(?:do|did|doing|build|built|building) (?:it|this|one) (?:themselves|ourselves)",
        r"(?:built|build|building|develop\w*) (?:their|our|an?) own", r"interne? losung", r"eigenentwicklung",
    ),
    _rule(
        Theme.COMPETITOR,
        r"compet(?:itors?|ition|ing product)", r"incumbent", r"lost to", r"switched to",
        r"(?:went|gone|going|go|signed|stayed|staying|stuck|sticking) with",
        r"(?:chose|chosen|selected|picked|preferred|bought) (?!not\b|to\b)\w+",
        r"(?:other|another|different|existing|current|alternative|rival) "
        r"(?:vendor|provider|supplier|agency|solution|partner|tool|product|offer)s?",
        r"wettbewerb\w*", r"konkurren\w+", r"concurren\w+", r"competencia", r"competidor\w*",
    ),
    _rule(
        Theme.NO_RESPONSE,
        r"ghost(?:ed|ing|s)?", r"(?:un|non-?)responsive", r"went (?:dark|silent|quiet|cold|radio silent)",
        rf"(?:{_NO}|stopped|quit) (?:\w+ )?(?:respon(?:d\w*|ses?|sive)|repl(?:y|ies|ied|ying)|answer(?:s|ed|ing)?)",
        r"(?:can't|cannot|couldn't|could not|unable to|not able to|never) (?:reach(?:ed)?|contact(?:ed)?|get hold)",
        r"unreachable", r"lost contact", r"no[- ]shows?", r"keine (?:antwort|ruckmeldung|reaktion)", r"pas de reponse",
        r"sin respuesta",
    ),
    _rule(
        Theme.CHAMPION_LEFT,
        r"champion",
        r"(?:contact|sponsor|buyer|decision[- ]maker|manager|director|c[meft]o|vp|he|she) "
        r"(?:(?:has|was|is) )?(?:left|leaving|quit|resigned|moved on|fired|gone|changed)",
        r"left the (?:company|organi[sz]ation|business)", r"re-?org(?:ani[sz]\w+)?", r"restructur\w+",
        r"new (?:management|leadership|owners?|ceo|cmo|boss)", r"change (?:of|in) (?:leadership|management)",
        r"acquired", r"acquisition", r"merger", r"lay-?offs?", r"laid off", r"bankrupt\w*", r"insolven\w*",
        r"out of business", r"shut(?:ting)? down",
    ),
    _rule(
        Theme.PRICE,
        r"pric(?:e|es|ed|ey|ing|y)", r"cost(?:s|ly)?", r"budget\w*", r"expensive", r"afford\w*", r"cheap(?:er)?",
        r"fund(?:s|ing)", r"money", r"fees?", r"discounts?", r"roi", r"cash", r"financ\w+", r"preis\w*", r"kosten",
        r"teuer", r"prix", r"trop cher", r"precio\w*", r"caro", r"presupuesto", r"preco\w*", r"prezz\w+",
    ),
    _rule(
        Theme.FEATURE,
        r"features?", r"function(?:s|ality|alities)", r"integrat\w+", r"missing", r"lack(?:s|ed|ing)",
        r"capabilit(?:y|ies)", r"unsupported", rf"{_NO} (?:\w+ )?support\w*", r"roadmap", r"technical\w*",
        r"requirements?", r"scalab\w+", r"usability", r"hard to use", r"too complex", r"product (?:gap|limitation)s?",
        r"funktion\w*", r"schnittstelle\w*", r"fonctionnalite\w*", r"funcionalidad\w*",
    ),
    _rule(
        Theme.NO_NEED,
        rf"(?:{_NO}|bad|poor|wrong) (?:\w+ ){{0,2}}(?:fit|match)", rf"{_NO} (?:\w+ )?need(?:s|ed|ing)?",
        rf"{_NO} (?:\w+ )?(?:interest|interested|relevant|use case|value)", r"(?:un|not |dis)qualified",
        r"uninterested", r"irrelevant", r"wrong (?:audience|person|market|industry|segment|size)", r"out of scope",
        r"too (?:small|big|large)", r"kein(?:en)? (?:bedarf|interesse)", r"pas (?:besoin|interesse)",
        r"sin (?:necesidad|interes)",
    ),
    _rule(
        Theme.TIMING,
        r"timing", r"bad time", r"time ?frame", r"timeline",
        rf"{_NO} (?:\w+ )?(?:now|yet|ready|time|bandwidth|capacity|resources)", r"right now",
        r"too (?:early|soon|late)", r"postpon\w+", r"delay\w*", r"on hold", r"later", r"priorit\w+",
        r"next (?:week|month|quarter|year|fiscal)", r"paus(?:e|ed|ing)", r"fr(?:eeze|ozen)", r"busy", r"zeitpunkt",
        r"verschoben", r"spater", r"pas le moment",
    ),
    _rule(
        Theme.LEGAL,
        r"legal\w*", r"security", r"complian\w+", r"gdpr", r"dsgvo", r"privacy", r"procurement", r"contract(?:s|ual)?",
        r"terms", r"hipaa", r"soc ?2", r"datenschutz",
    ),
    _rule(
        Theme.NO_DECISION,
        r"no decision", r"indecisi\w+", r"undecided", r"status quo", r"(?:do|did|doing) nothing",
        r"decided (?:not|against)", r"cancel\w*", r"abandon\w*", r"project (?:stopped|dropped|ended)",
        r"keine entscheidung",
    ),
)  # fmt: skip
