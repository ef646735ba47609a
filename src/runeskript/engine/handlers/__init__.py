"""Handlers: the plugins that ``call`` runs. Declaring, registering, finding and describing them."""

from .context import HandlerContext
from .decorator import FunctionHandler, Handler, handler
from .registry import HandlerRegistry

__all__ = ["FunctionHandler", "Handler", "HandlerContext", "HandlerRegistry", "handler"]
