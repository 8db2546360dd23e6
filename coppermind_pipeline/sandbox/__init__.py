"""A simulated HubSpot: a server of its own that answers HubSpot's OAuth and CRM API for made-up portals.

```python
with RunningSandbox(SandboxConfig(contacts=500, limits=False)) as sandbox:
    token = sandbox.control.issue_token(["crm.objects.contacts.read"]).access_token
    ...  # call sandbox.url instead of https://api.hubapi.com; approve at sandbox.authorize_url
    sandbox.control.edit("contacts", None, {"city": "Lyon"})  # whatever people and HubSpot do to a portal
```

A portal is generated from a seed, or loaded from CSV files or recorded answers (`SandboxConfig.load`). What it does
where HubSpot's behaviour is unconfirmed or odd is turned by `Switches`; what goes wrong on the way by `Fault`. The
module `control.endpoints` documents the control endpoints, which `ControlClient` calls.

To approve without a browser, add `decision=approve` (and `hub_id`) to the authorize page's address.
"""

from coppermind_pipeline.sandbox.app import create_app
from coppermind_pipeline.sandbox.clock import Clock
from coppermind_pipeline.sandbox.config import AppSettings, SandboxConfig, Switches
from coppermind_pipeline.sandbox.control.client import (
    ControlClient,
    ControlError,
    ExportedRecord,
    ObjectType,
    PortalState,
)
from coppermind_pipeline.sandbox.loading.load_error import LoadError
from coppermind_pipeline.sandbox.server import RunningSandbox, serve
from coppermind_pipeline.sandbox.state.faults import Fault

__all__ = [
    "AppSettings",
    "Clock",
    "ControlClient",
    "ControlError",
    "ExportedRecord",
    "Fault",
    "LoadError",
    "ObjectType",
    "PortalState",
    "RunningSandbox",
    "SandboxConfig",
    "Switches",
    "create_app",
    "serve",
]
