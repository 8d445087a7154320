"""The read-only HTTP server: status page, metrics, probes and API.

`site` answers the requests, `server` handles the connections, and `page` renders the status page.
`templates/` has the HTML of the page; `summary` and `chart` compute its figures. `last_good` limits the time
of a ledger read.
"""

from monitor.output.web.last_good import Bounded, LastGood
from monitor.output.web.server import Limits, WebServer
from monitor.output.web.site import Site
from monitor.output.web.tls import Certificate

__all__ = ["Bounded", "Certificate", "LastGood", "Limits", "Site", "WebServer"]
