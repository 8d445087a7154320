"""A client that resolves a registry tag with one HEAD request, without an image pull or a pod.

Every lookup takes bounded time and memory, and either succeeds or raises one `RegistryError`.

The client sends credentials only to the registry's own host and its token service.  A token service on
another host must be known or configured.  Over plain HTTP, the client sends credentials only to this machine.
"""

from monitor.registry.backoff import Backoff
from monitor.registry.client import Registry, RegistryOptions, Timeouts
from monitor.registry.errors import AbsentError, RegistryError

__all__ = ["AbsentError", "Backoff", "Registry", "RegistryError", "RegistryOptions", "Timeouts"]
