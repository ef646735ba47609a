"""The memory store: the executable specification of the protocol in ``stores/base.py``."""

from .mailbox import Mailbox
from .store import MemoryStore

__all__ = ["Mailbox", "MemoryStore"]
