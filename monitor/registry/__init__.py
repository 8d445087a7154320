"""A client for one tag in a registry: one HEAD a lookup, no pull, no pod.

The protocol is the OCI Distribution Specification.  A registry may be down, overloaded or hostile, so a lookup takes
bounded time and memory, and ends with an answer or with one `RegistryError`.  Credentials go only to the host that
they are for, and to a token service that is known to be its own or is named by the user; over plain HTTP, only to
this machine.
"""

from monitor.registry.backoff import Pace
from monitor.registry.client import Patience, Registry, RegistryOptions
from monitor.registry.errors import AbsentError, RegistryError

__all__ = ["AbsentError", "Pace", "Patience", "Registry", "RegistryError", "RegistryOptions"]
