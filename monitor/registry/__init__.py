"""What a registry says of a tag: one HEAD, no pull, no pod.

The protocol is the distribution API of the Open Container Initiative.  A registry is asked with time-outs,
bounds and few redirects, since it may be down, overloaded or hostile: a look takes bounded time and memory and
ends with an answer or with one `RegistryError`.  Credentials go to the host that they are of, and to the
token service that is known, or was named, to be its own; to nobody else, and over plain HTTP only to this machine.
"""

from monitor.registry.client import Patience, Registry, RegistryOptions
from monitor.registry.errors import AbsentError, RegistryError
from monitor.registry.pace import Pace

__all__ = ["AbsentError", "Pace", "Patience", "Registry", "RegistryError", "RegistryOptions"]
