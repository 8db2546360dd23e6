"""Which groups a report shows, and what those are called that no label tells of: themes, reasons, companies."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Connection

from coppermind_pipeline.crm import Labels
from coppermind_pipeline.reports.figures import deals
from coppermind_pipeline.reports.figures.deals import GroupKey
from coppermind_pipeline.reports.figures.groups import Arranged, arrange
from coppermind_pipeline.reports.figures.losses import ReasonNames, themed
from coppermind_pipeline.reports.figures.measures import Cell
from coppermind_pipeline.reports.figures.selection import NO_REASON
from coppermind_pipeline.reports.question.places import GroupPlace
from coppermind_pipeline.reports.question.request import GroupBy, ReportRequest
from coppermind_pipeline.reports.trust.portals import SyncedPortal


def named_groups(
    connection: Connection,
    request: ReportRequest,
    cells: Sequence[Cell],
    earlier: Sequence[Cell],
    *,
    portals: Sequence[SyncedPortal],
    labels: Mapping[str, Labels],
    after: GroupPlace | None = None,
    again: Collection[str] | None = None,
) -> Arranged:
    """Return the groups that the request asks for (`arrange`); names are read of those alone that are shown."""
    reasons = ReasonNames.of(portals, labels, for_client=request.for_client)
    themes: dict[GroupKey, str] = {}
    if request.group_by is GroupBy.LOSS_THEME:
        cells = themed(cells, reasons, labels=themes)
        earlier = themed(earlier, reasons, labels=themes)

    def names_of(kept: Collection[GroupKey]) -> Mapping[GroupKey, str]:
        match request.group_by:
            case GroupBy.LOSS_THEME:
                return themes
            case GroupBy.LOSS_REASON:
                return {(of, value): reasons.reason(of, value) for of, value in kept if value != NO_REASON}
            case GroupBy.COMPANY:
                return deals.company_names(connection, kept)
            case _:
                return {}

    return arrange(
        cells,
        earlier=earlier,
        portals=portals,
        labels=labels,
        group_by=request.group_by,
        outcomes=request.group_outcomes,
        groups_max=request.groups_max,
        names_of=names_of,
        after=after,
        again=again,
    )
