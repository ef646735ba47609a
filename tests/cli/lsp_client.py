"""A client of the language server: a real process, real messages over its pipes."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from .conftest import environment

#: Seconds after which a test gives up waiting.
PATIENCE = 60


class Client:
    """Starts ``rune lsp`` and speaks with it."""

    def __init__(self, folder: Path, *words: str, encodings: list[str] | None = None) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "runeskript", "lsp", *words],
            cwd=folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.number = 0
        self.versions: dict[str, int] = {}
        self.answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self.notes: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        general = {"positionEncodings": encodings} if encodings else {}
        self.capabilities = self.ask(
            "initialize",
            {"processId": None, "rootUri": folder.as_uri(), "capabilities": {"general": general}},
        )["capabilities"]
        self.tell("initialized", {})

    # --- messages -----------------------------------------------------------------------------
    def _read(self) -> None:
        out = self.process.stdout
        assert out is not None
        while line := out.readline():
            size = 0
            while line.strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    size = int(value)
                line = out.readline()
            message = json.loads(out.read(size))
            (self.notes if "method" in message else self.answers).put(message)

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def ask(self, method: str, params: Any) -> Any:
        self.number += 1
        self._send({"id": self.number, "method": method, "params": params})
        answer = self.answers.get(timeout=PATIENCE)
        assert answer["id"] == self.number
        assert "error" not in answer, answer
        return answer["result"]

    def tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def note(self, method: str) -> Any:
        """The next notification of a kind; others are passed over."""
        while True:
            message = self.notes.get(timeout=PATIENCE)
            if message["method"] == method:
                return message["params"]

    # --- documents ----------------------------------------------------------------------------
    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    def open(self, name: str, text: str) -> list[dict[str, Any]]:
        """Open a document; its diagnostics."""
        self.versions[name] = 1
        item = {"uri": self.uri(name), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})
        return self.diagnostics(name)

    def change(self, name: str, text: str) -> None:
        self.versions[name] += 1
        document = {"uri": self.uri(name), "version": self.versions[name]}
        changes = [{"text": text}]
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def diagnostics(self, name: str) -> list[dict[str, Any]]:
        """Those of the present version."""
        while True:
            params = self.note("textDocument/publishDiagnostics")
            if params["uri"] == self.uri(name) and params["version"] == self.versions[name]:
                return list(params["diagnostics"])

    def at(self, name: str, line: int, character: int) -> dict[str, Any]:
        position = {"line": line, "character": character}
        return {"textDocument": {"uri": self.uri(name)}, "position": position}

    # --- the end ------------------------------------------------------------------------------
    def leave(self) -> str:
        """Shut the server down in good order; what it wrote to standard error."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        assert self.process.wait(PATIENCE) == 0
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
