"""Write Stepmill plugins in Python.

A plugin is a function with one of three decorators, [transform][], [validate][] or [connector][]. Everything else, the
WIT bindings, the reading of config and input, the manifest with its JSON Schemas, comes from here:

```python
from dataclasses import dataclass
from stepmill import Context, Reject, transform

@dataclass
class Config:
    vat: float

@dataclass
class Order:
    id: str
    net: float

@dataclass
class Priced:
    id: str
    gross: float

@transform(name="vat", version="0.1.0", summary="Adds VAT to an order.")
def vat(order: Order, config: Config, ctx: Context) -> Priced:
    if order.net < 0:
        raise Reject("negative", f"order {order.id} costs {order.net}")
    ctx.log.debug("priced", order=order.id)
    return Priced(order.id, order.net * (1 + config.vat / 100))
```

Start reading at [transform][]. What a connector may do is in [stepmill.http][] and [stepmill.storage][]; tests without
a host are in [stepmill.testing][]; `python -m stepmill.build` makes the component.
"""

from .context import Attempt, ConnectorContext, Context
from .document import JSON, Document
from .failure import Failure, Reject, Retry
from .plugin import InvalidPlugin, Manifest, NoConfig, Plugin, connector, transform, validate
from .shape import Field, UnsupportedType
from .violation import Violation

__all__ = [
    "JSON",
    "Attempt",
    "ConnectorContext",
    "Context",
    "Document",
    "Failure",
    "Field",
    "InvalidPlugin",
    "Manifest",
    "NoConfig",
    "Plugin",
    "Reject",
    "Retry",
    "UnsupportedType",
    "Violation",
    "connector",
    "transform",
    "validate",
]
