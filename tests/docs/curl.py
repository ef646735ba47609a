"""As much of curl as the pages use, for machines that have none."""

from __future__ import annotations

import http.client
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(words: list[str]) -> int:
    method, body, url, head = "", b"", "", False
    headers = {"Accept": "*/*"}
    left = iter(words)
    for word in left:
        if word in ("-s", "-sN", "-N"):
            continue
        if word in ("-i", "-si"):
            head = True
        elif word == "-X":
            method = next(left)
        elif word == "-T":
            body, method = Path(next(left)).read_bytes(), method or "PUT"
        elif word == "-H":
            name, _, value = next(left).partition(":")
            headers[name] = value.strip()
        elif word == "--oauth2-bearer":
            headers["Authorization"] = f"Bearer {next(left)}"
        elif word == "--json":
            body, method = next(left).encode(), method or "POST"
            headers |= {"Content-Type": "application/json", "Accept": "application/json"}
        else:
            assert not word.startswith("-"), f"this curl has no {word}"
            url = word
    place = urlsplit(url if "://" in url else f"http://{url}")
    host = "127.0.0.1" if place.hostname == "localhost" else place.hostname
    connection = http.client.HTTPConnection(str(host), place.port, timeout=60)
    path = place.path + (f"?{place.query}" if place.query else "")
    connection.request(method or "GET", path, body or None, {**headers, "Host": place.netloc})
    reply = connection.getresponse()
    if head:
        print(f"HTTP/1.1 {reply.status} {reply.reason}")
        for name, value in reply.getheaders():
            print(f"{name}: {value}")
        print()
    sys.stdout.flush()
    sys.stdout.buffer.write(reply.read())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
