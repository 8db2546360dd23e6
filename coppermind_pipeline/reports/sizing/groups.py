"""The groups of a report, where they would not fit: told in fewer figures, or fewer of them, which a cursor goes on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, TypeVar

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, model_serializer

from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.sizing.cursors import Place, Question
from coppermind_pipeline.reports.sizing.cutting import LeftOut
from coppermind_pipeline.wording import as_words, count, listed


class PartlyTold(BaseModel):
    """A group that may leave out some of its figures as JSON, or parts of one (`closed_won.amount_home`).

    It has them still: only the answer has no room for them.
    """

    untold: frozenset[str] = Field(default=frozenset(), exclude=True)

    @model_serializer(mode="wrap")
    def _told(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told = {name: value for name, value in whole(self).items() if name not in self.untold}
        for path in self.untold:
            figure, _, part = path.partition(".")
            if part and figure in told:
                told[figure] = {name: value for name, value in told[figure].items() if name != part}
        return told


class Labelled(Protocol):
    """A group, as far as it is cut."""

    @property
    def label(self) -> str:
        """What it is called."""
        ...

    @property
    def untold(self) -> frozenset[str]:
        """The figures that it leaves out."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return the group with other values of some fields."""
        ...


class Grouped(Protocol):
    """A report with groups, and the place of each; None for those that are added up as `other`."""

    @property
    def groups(self) -> Sequence[Labelled]:
        """The groups, as they are shown."""
        ...

    @property
    def group_places(self) -> Sequence[GroupPlace | None]:
        """Where each stands."""
        ...

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return the report with other values of some fields."""
        ...


Report = TypeVar("Report", bound=Grouped)


def with_less_told(report: Report, levels: Sequence[frozenset[str]]) -> Report | None:
    """Return the report whose groups leave out one level of figures more, the first that they still tell of."""
    if not report.groups:
        return None
    untold = report.groups[0].untold
    more = next((level for level in levels if not level <= untold), None)
    if more is None:
        return None
    return report.model_copy(
        update={"groups": [group.model_copy(update={"untold": untold | more}) for group in report.groups]}
    )


def last_group(report: Grouped) -> int | None:
    """Return the number of the group that goes first where there is no room; None where only one is left."""
    places = [place for place in report.group_places if place is not None]
    if len(places) <= 1:
        return None
    return report.group_places.index(min(places, key=lambda place: place.sort_key))


def with_fewer_groups(report: Report) -> Report | None:
    """Return the report without its last group; what was added up stays as it is, behind those that are missing."""
    last = last_group(report)
    if last is None:
        return None
    return report.model_copy(
        update={
            "groups": [*report.groups[:last], *report.groups[last + 1 :]],
            "group_places": [*report.group_places[:last], *report.group_places[last + 1 :]],
        }
    )


def groups_left_out(whole: Grouped, cut: Grouped, question: Question, after: Place | None) -> Iterable[LeftOut]:
    """Say which groups are not on a page, and where they go on.

    Args:
        after: the place that the page began behind.
    """
    places = sorted((place for place in cut.group_places if place is not None), key=lambda each: each.sort_key)
    added_up = [group.label for group, place in zip(cut.groups, cut.group_places, strict=True) if place is None]
    missing = len(whole.groups) - len(cut.groups) if not added_up else 0
    if added_up or missing:
        said = [f"{count(missing, 'more group')} did not fit."] if missing else []
        if added_up:
            said.append(f"The smallest groups are added up as {listed([f'“{label}”' for label in added_up])}.")
        said.append("The cursor goes on with them, one by one.")
        following = question.cursor(GroupPlace.part, places[0] if places else after)
        yield LeftOut(part="groups", said=" ".join(said), next_cursor=following)


def figures_left_out(cut: Grouped, *, of_each: str) -> Iterable[LeftOut]:
    """Say which figures of the groups are not told; `of_each` is what a group is, as people call it."""
    untold = sorted(cut.groups[0].untold) if cut.groups else []
    if untold:
        said = f"Of each {of_each} {listed([as_words(name).replace('.', ', ') for name in untold])} did not fit."
        yield LeftOut(part="groups.figures", said=said)
