"""Client of the mrpo runs service, for scripts (:class:`Client`) and for asyncio (:class:`AsyncClient`)."""

from .aio import AsyncClient
from .calls import state_name
from .client import Client
from .errors import RunsError
from .spec import spec_of

__all__ = ["AsyncClient", "Client", "RunsError", "spec_of", "state_name"]
