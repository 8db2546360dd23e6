"""Everything that one sandbox server holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from coppermind_pipeline.sandbox.clock import Clock
from coppermind_pipeline.sandbox.config import AppSettings, SandboxConfig
from coppermind_pipeline.sandbox.generated.portal_filling import fill
from coppermind_pipeline.sandbox.generated.world import World
from coppermind_pipeline.sandbox.limits import Budgets
from coppermind_pipeline.sandbox.loading.directory import load, recorded_hub_id
from coppermind_pipeline.sandbox.portal.portal import Account, Portal
from coppermind_pipeline.sandbox.search.index import SearchIndex
from coppermind_pipeline.sandbox.state.faults import Faults
from coppermind_pipeline.sandbox.state.grants import Grants
from coppermind_pipeline.sandbox.state.request_log import RequestLog
from coppermind_pipeline.sandbox.timestamps import DAY_MS


@dataclass(slots=True)
class Sandbox:
    """The portals of a server, what was granted to the app, and how the server misbehaves."""

    config: SandboxConfig
    clock: Clock
    portals: dict[int, Portal] = field(default_factory=dict)
    searches: dict[int, SearchIndex] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    latency_ms: float = field(init=False)
    app: AppSettings = field(init=False)
    grants: Grants = field(init=False)
    log: RequestLog = field(init=False)

    def __post_init__(self) -> None:
        config = self.config
        self.latency_ms = config.latency_ms
        self.app = config.app
        self.grants = Grants(config.token_lifetime_s, config.code_lifetime_s)
        self.log = RequestLog(config.log_requests_max)
        try:
            for number, hub_id in enumerate(config.all_hub_ids()):
                if number == 0 and config.load is not None:
                    recorded = None if config.hub_ids else recorded_hub_id(config.load)
                    portal = self.empty_portal(recorded or hub_id)
                    load(portal, config.load, definitions_per_type=config.definitions_per_type)
                else:
                    self.create_portal(hub_id, seed=config.seed + number)
        except BaseException:
            self.close()
            raise

    def create_portal(
        self,
        hub_id: int,
        *,
        seed: int,
        contacts: int | None = None,
        companies: int | None = None,
        deals: int | None = None,
    ) -> Portal:
        """Add a generated portal; sizes that are left out are the configuration's. Raises ValueError if it exists."""
        if hub_id in self.portals:
            raise ValueError(f"portal {hub_id} exists already")
        config = self.config
        portal = self.empty_portal(hub_id)
        currencies = config.additional_currencies
        world = World(
            seed=seed,
            contacts=config.contacts if contacts is None else contacts,
            companies=config.companies if companies is None else companies,
            deals=config.deals if deals is None else deals,
            now_ms=self._generated_at_ms(),
            own_domain=config.own_domain,
            home_currency=config.company_currency,
            foreign_currency=currencies[0] if currencies else None,
        )
        fill(portal, world, definitions_per_type=config.definitions_per_type)
        return portal

    def empty_portal(self, hub_id: int) -> Portal:
        """Add a portal without records."""
        config = self.config
        account = Account(config.time_zone, config.company_currency, config.additional_currencies, config.ui_domain)
        portal = Portal(hub_id, self.clock, account, config.switches, Budgets(config.limits))
        self.portals[hub_id] = portal
        self.searches[hub_id] = SearchIndex(portal)
        return portal

    def first_portal(self) -> Portal:
        """Return the portal that is meant where none is named."""
        return next(iter(self.portals.values()))

    def close(self) -> None:
        """Delete the files of all portals."""
        for portal in self.portals.values():
            portal.close()

    def __iter__(self) -> Iterator[Portal]:
        return iter(self.portals.values())

    def _generated_at_ms(self) -> int:
        if self.config.generated_at is not None:
            return int(self.config.generated_at.timestamp() * 1000)
        now_ms = self.clock.now_ms()
        return now_ms - now_ms % DAY_MS
