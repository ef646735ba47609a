"""The HTTP service: one table of routes, one decision who may do what, answers and errors as types.

``create_app`` makes an ASGI application of a :class:`~..engine.runtime.Runtime`, which any server
can serve or a larger application can mount; ``rune serve`` serves it.
"""
