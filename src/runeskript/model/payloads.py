"""Payloads: values as stores keep them, checksummed, sealed if asked for, the large ones apart.

=======  =====  ==============================================================================
offset   bytes  content
=======  =====  ==============================================================================
0        4      CRC-32 of all that follows, big-endian
4        1      version (``versions.JOURNAL``)
5        1      flags: 1 sealed, 2 a reference
6        -      the value in the encoding of ``codec.py``, sealed where the flag says so; or the
                SHA-256 (32 bytes) of that encoding, which a blob of this name holds
=======  =====  ==============================================================================

A *place* says what a payload belongs to (``job/input``). It is handed to the codec hook, so that a
sealed payload that was put elsewhere does not open.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from struct import Struct
from typing import Any, Final, Protocol
from zlib import crc32

from ..errors import CodecError, DamagedError, FormatVersionError, SealedError
from . import codec, limits, versions

SEALED: Final = 1
REFERENCE: Final = 2
_HEAD: Final = Struct(">IBB")
_DIGEST: Final = 32
#: What stands before a value that is neither sealed nor apart, and where its checksum goes on from.
_PLAIN: Final = bytes((versions.JOURNAL, 0))
_BEGUN: Final = crc32(_PLAIN)


class PayloadCodec(Protocol):
    """The hook that payloads, journals and snapshots pass on their way to and from a store.

    ``name`` is stored with the store, which only opens with a codec of the same name. ``decode``
    gives back what ``encode`` was given, for the same place, and raises otherwise.
    """

    @property
    def name(self) -> str:
        """What it is called."""

    def encode(self, data: bytes, place: str) -> bytes:
        """What is stored in place of ``data``."""

    def decode(self, data: bytes, place: str) -> bytes:
        """What was stored as ``data``."""


def encode_deep(value: object) -> bytes:
    """``codec.encode`` with room for what values stand in: records, lists of them."""
    return codec.encode(value, max_depth=limits.VALUE_DEPTH + limits.RECORD_DEPTH)


def decode_deep(data: bytes) -> Any:
    """The value of what ``encode_deep`` gave."""
    return codec.decode(data, max_depth=limits.VALUE_DEPTH + limits.RECORD_DEPTH)


class Payloads:
    """Packs and unpacks for one store, which keeps the blobs.

    ``dumps`` and ``loads``: an encoder equal to ``codec.py``, and a decoder for what it wrote.
    """

    __slots__ = ("codec", "dumps", "get_blob", "loads", "put_blob")

    def __init__(
        self,
        put_blob: Callable[[str, bytes], object],
        get_blob: Callable[[str], bytes | None],
        codec: PayloadCodec | None = None,
        dumps: Callable[[Any], bytes] = encode_deep,
        loads: Callable[[bytes], Any] = decode_deep,
    ) -> None:
        self.put_blob = put_blob
        self.get_blob = get_blob
        self.codec = codec
        self.dumps = dumps
        self.loads = loads

    # --- values ---------------------------------------------------------------------------------
    def pack(self, value: object, place: str) -> bytes:
        """A value as it is stored; a large one goes to a blob."""
        body = self.dumps(value)
        if len(body) > limits.PAYLOAD_BYTES:
            return _framed(REFERENCE, self.put(body))
        return self._inline(body, place)

    def inline(self, value: object, place: str) -> bytes:
        """A value as it is stored, whatever its size: for what does not stay long."""
        return self._inline(self.dumps(value), place)

    def _inline(self, body: bytes, place: str) -> bytes:
        if self.codec is None:
            return _framed(0, body)
        return _framed(SEALED, self.codec.encode(body, place))

    def unpack(self, data: bytes, place: str) -> Any:
        """The value that was stored. Raises DamagedError, FormatVersionError, SealedError."""
        flags, body = _opened(data, place)
        if flags & REFERENCE:
            body = self.fetch(body, place)
        elif flags & SEALED:
            body = self.unseal(body, place)
        try:
            return self.loads(body)
        except (CodecError, ValueError) as exc:
            raise DamagedError(f"{place}: {exc}") from None

    # --- bytes ----------------------------------------------------------------------------------
    def bytes_in(self, data: bytes, place: str) -> bytes:
        """Bytes with an encoding of their own (a snapshot), as they are stored."""
        return self._inline(data, place)

    def bytes_out(self, data: bytes, place: str) -> bytes:
        """What ``bytes_in`` was given."""
        flags, body = _opened(data, place)
        if flags & REFERENCE:
            raise DamagedError(f"{place}: its flags are unknown")
        return self.unseal(body, place) if flags & SEALED else body

    def put(self, body: bytes) -> bytes:
        """Keep encoded bytes in a blob; their digest."""
        digest = sha256(body)
        name = digest.hexdigest()
        self.put_blob(name, self._inline(body, name))
        return digest.digest()

    def fetch(self, digest: bytes, place: str) -> bytes:
        """What ``put`` kept."""
        name = digest.hex()
        data = self.get_blob(name)
        if data is None:
            raise DamagedError(f"{place}: its blob {name} is missing")
        body = self.bytes_out(data, name)
        if sha256(body).digest() != digest:
            raise DamagedError(f"{place}: its blob {name} holds something else")
        return body

    def unseal(self, data: bytes, place: str) -> bytes:
        """What the codec was given."""
        if self.codec is None:
            raise SealedError(f"{place}: it is sealed, and the store was opened without its codec")
        try:
            return self.codec.decode(data, place)
        except Exception as exc:
            text = f"{place}: the codec {self.codec.name!r} cannot open it: {exc}"
            raise SealedError(text) from exc


def is_plain(data: bytes) -> bool:
    """Whether a payload is all there is of its value: neither sealed nor a reference."""
    return data[4:6] == _PLAIN


def _framed(flags: int, body: bytes) -> bytes:
    rest = bytes((versions.JOURNAL, flags)) + body
    return crc32(rest).to_bytes(4, "big") + rest


def _opened(data: bytes, place: str) -> tuple[int, bytes]:
    body = data[_HEAD.size :]
    if data[4:6] == _PLAIN and crc32(body, _BEGUN).to_bytes(4, "big") == data[:4]:
        return 0, body  # nearly always
    if len(data) < _HEAD.size:
        raise DamagedError(f"{place}: {len(data)} bytes are no payload")
    check, version, flags = _HEAD.unpack_from(data)
    if crc32(memoryview(data)[4:]) != check:
        raise DamagedError(f"{place}: its checksum is wrong")
    if version != versions.JOURNAL:
        raise FormatVersionError(f"{place}: payload version {version} is unknown here")
    if flags not in (0, SEALED, REFERENCE) or (flags == REFERENCE and len(data) != 6 + _DIGEST):
        raise DamagedError(f"{place}: its flags are unknown")
    return flags, body
