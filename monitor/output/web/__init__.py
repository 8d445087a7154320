"""The page, the metrics, the probes and the API, over HTTP: read-only.

`site` says what is answered, `server` how it gets to the client, `page` what a person sees: `templates/` has its
HTML, `summary` and `chart` compute the figures. `last_good` bounds the time that a read of the ledger takes.
"""

from monitor.output.web.last_good import Bounded, LastGood
from monitor.output.web.server import Limits, WebServer
from monitor.output.web.site import Site
from monitor.output.web.tls import Certificate

__all__ = ["Bounded", "Certificate", "LastGood", "Limits", "Site", "WebServer"]
