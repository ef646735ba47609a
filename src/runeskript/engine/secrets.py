"""Secrets: resolved after the commit, right before a handler sees them, and scrubbed afterwards.

A document holds references only (``expr.runtime.SecretText``). The runtime remembers which secrets
it resolved, and takes them out of everything that comes back from handlers before it becomes an
event: results, errors, progress and log texts of any job.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ..errors import StepError
from ..expr.runtime import SecretText
from ..model.nearest import did_you_mean
from ..model.values import Value

#: What a scrubbed text shows in place of a secret.
MASK: Final = "***"
#: Environment variables that hold secrets begin so; ``secrets.db`` is ``RUNE_SECRET_DB``, and
#: ``RUNE_SECRET_db`` where that is not set.
PREFIX: Final = "RUNE_SECRET_"
#: Shorter secrets are masked only where they are all of a text: "1" occurs everywhere.
SHORTEST: Final = 4

#: Name -> secret; None: there is no such secret.
Provider: TypeAlias = Callable[[str], str | None]
Source: TypeAlias = "Mapping[str, str] | Provider | None"


def _from_environment(name: str) -> str | None:
    found = os.environ.get(PREFIX + name.upper())
    return os.environ.get(PREFIX + name) if found is None else found


class Vault:
    """The secrets of one runtime: resolves references, scrubs what comes back.

    ``source``: a mapping or a function by name; None reads ``RUNE_SECRET_<NAME>``.
    """

    __slots__ = ("_exact", "_long", "_names", "_pattern", "_provider", "used")

    def __init__(self, source: Source = None) -> None:
        self._names: Mapping[str, str] = {}
        self._provider: Provider
        if source is None:
            self._provider = _from_environment
        elif isinstance(source, Mapping):
            self._names = dict(source)
            self._provider = self._names.get
        else:
            self._provider = source
        #: Whether any secret was resolved: until then there is nothing to scrub.
        self.used = False
        self._long: set[str] = set()
        self._exact: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def resolve(self, text: SecretText) -> str:
        """The text with its secrets filled in; StepError (``secret``) where one is missing."""
        return "".join(p if isinstance(p, str) else self.get(p.name) for p in text.parts)

    def get(self, name: str) -> str:
        """One secret, remembered for scrubbing."""
        secret = self._provider(name)
        if secret is None:
            hint = did_you_mean(name, self._names)
            wanted = hint or f"set {PREFIX}{name.upper()}, or give it to the runtime"
            raise StepError("secret.unknown", f"there is no secret `{name}` ({wanted})")
        if not isinstance(secret, str):
            raise StepError("secret.invalid", f"the secret `{name}` is no text")
        if secret and secret not in self._long and secret not in self._exact:
            self._remember(secret)
        return secret

    def _remember(self, secret: str) -> None:
        self.used = True
        if len(secret) < SHORTEST:
            self._exact.add(secret)
            return
        self._long.update(_forms(secret))
        longest_first = sorted(self._long, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def scrub_text(self, text: str) -> str:
        """The text without any resolved secret, also where it was quoted or encoded."""
        if text in self._exact:
            return MASK
        return self._pattern.sub(MASK, text) if self._pattern is not None else text

    def scrub(self, value: Value) -> Value:
        """The value without any resolved secret, in texts and in keys."""
        if isinstance(value, str):
            return self.scrub_text(value)
        if isinstance(value, list):
            return [self.scrub(item) for item in value]
        if isinstance(value, dict):
            return {self.scrub_text(key): self.scrub(item) for key, item in value.items()}
        return value


def _forms(secret: str) -> set[str]:
    """The secret and how it looks in JSON, in a URL and in Base64."""
    import base64  # these two are for runs that have secrets
    from urllib.parse import quote, quote_plus

    data = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(data, safe=""),
        quote(data),
        quote_plus(data),
        base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode(),
    }
    return {form for form in forms if len(form) >= SHORTEST}


#: Types of values that need no copy.
SCALARS: Final = frozenset((str, int, float, bool, type(None)))


def open_params(params: Any, vault: Vault) -> Any:
    """A copy of a call's parameters that is the handler's own, with secrets filled in."""
    kind = type(params)
    if kind is dict:
        out = params.copy()
        for key, item in params.items():
            if type(item) not in SCALARS:
                out[key] = open_params(item, vault)
        return out
    if kind is list:
        return [i if type(i) in SCALARS else open_params(i, vault) for i in params]
    if kind is SecretText:
        return vault.resolve(params)
    return params


def has_secret(value: Any) -> bool:
    """Whether a reference to a secret stands anywhere in it."""
    if isinstance(value, dict):
        return any(map(has_secret, value.values()))
    if isinstance(value, list):
        return any(map(has_secret, value))
    return type(value) is SecretText
