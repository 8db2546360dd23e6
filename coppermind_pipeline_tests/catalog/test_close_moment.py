"""The database and Python agree on the day of a close date, whatever the zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from coppermind_pipeline.crm import close_day, start_of
from coppermind_pipeline.store import Database

# West, east, beyond both of a day, half hours, and three that change clocks at midnight.
_ZONES = ("UTC", "America/Los_Angeles", "America/New_York", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata",
          "Europe/Berlin", "Africa/Cairo", "Asia/Beirut", "America/Havana")  # fmt: skip
_MOMENTS = st.one_of(
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1)),  # noqa: DTZ001 - bounds are naive
    st.dates(datetime(2025, 12, 25).date(), datetime(2027, 1, 5).date()).map(  # noqa: DTZ001
        lambda day: datetime(day.year, day.month, day.day)  # noqa: DTZ001
    ),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moments=st.lists(_MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC)), min_size=1, max_size=50))
def test_the_database_puts_a_close_date_on_the_same_day(database: Database, moments: list[datetime]) -> None:
    with database.owner() as connection:
        rows = connection.execute(text(_DAYS), {"moments": moments, "zones": list(_ZONES)}).all()
    assert len(rows) == len(moments) * len(_ZONES)
    for at, zone, moment, day in rows:
        assert day == close_day(at, ZoneInfo(zone))
        if at.astimezone(UTC).time() == datetime.min.time():
            # A midnight may come twice, and then either is the first moment.
            assert moment - start_of(day, ZoneInfo(zone)) in {timedelta(0), timedelta(hours=1)}
        else:
            assert moment == at


_DAYS = """
SELECT at, zone, close_moment(at, zone) AS moment, CAST(close_moment(at, zone) AT TIME ZONE zone AS date) AS day
  FROM unnest(CAST(:moments AS timestamptz[])) AS at CROSS JOIN unnest(CAST(:zones AS text[])) AS zone
"""
