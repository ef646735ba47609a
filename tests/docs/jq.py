"""As much of jq as the pages use, for machines that have none: `jq -r .field`."""

from __future__ import annotations

import json
import sys

if __name__ == "__main__":
    option, path = sys.argv[1:]
    assert option == "-r"
    value = json.load(sys.stdin)
    for name in path.strip(".").split("."):
        value = value[name]
    print(value)
