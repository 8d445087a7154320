"""The page, the metrics, the probes and the API, over HTTP: read-only.

`site` says what is answered, `server` how it gets to the client, `page` what a person sees: `templates/` has its
HTML, `tiles` and `chart` compute the figures. `last_good` bounds the time that a read of the ledger takes.
"""

from monitor.web.last_good import Bounded, LastGood
from monitor.web.server import Limits, WebServer
from monitor.web.site import Site
from monitor.web.tls import Certificate

__all__ = ["Bounded", "Certificate", "LastGood", "Limits", "Site", "WebServer"]
