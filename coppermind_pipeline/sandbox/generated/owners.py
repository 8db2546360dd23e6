"""The made-up portal's owners: some left, one is a queue."""

from coppermind_pipeline.sandbox.portal.owners import Owner

_PEOPLE = (
    ("Dana", "Whitfield", False),
    ("Marcus", "Oyelaran", False),
    ("Ines", "Carvalho", False),
    ("Tom", "Brandt", True),
    ("Yuki", "Arai", False),
    ("Rebecca", "Stone", True),
    ("Felix", "Hartmann", False),
    ("Priya", "Raman", False),
)
_TEAMS = (("51200871", "New business"), ("51200872", "Renewals"))


def generated_owners(own_domain: str) -> list[Owner]:
    """Return the owners, in the order of their ids."""
    people = [
        Owner(
            id=str(76_100_200 + 311 * n),
            email=f"{first}.{last}@{own_domain}".lower(),
            first_name=first,
            last_name=last,
            user_id=9_400_120 + 77 * n,
            created="2023-01-16T10:12:30.451Z",
            updated="2025-06-02T08:00:01.120Z",
            archived=left,
            teams=(_TEAMS[n % 2],),
        )
        for n, (first, last, left) in enumerate(_PEOPLE)
    ]
    queue = Owner(
        id="76109999",
        email="",
        first_name="Inbound",
        last_name="Queue",
        user_id=None,
        created="2024-03-04T09:00:00.000Z",
        updated="2024-03-04T09:00:00.000Z",
        type="QUEUE",
    )
    return [*people, queue]
