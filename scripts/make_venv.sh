#!/bin/sh
# Builds a virtual environment with the package (editable) and every extra that pyproject.toml
# declares, but for `fuzz`, which is large and for some Pythons only; `make venv` calls it. Uses uv
# where there is one, else venv and pip. An environment that is there and works is kept and brought
# up to date.
#
#   scripts/make_venv.sh [DIRECTORY [EXTRA]]      PYTHON=python3.12 picks the Python, EXTRA adds one
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}

# Asks the interpreter itself: a name on the PATH may be a shim without a Python behind it.
new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    for name in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        if new_enough "$name"; then
            echo "$name"
            return
        fi
    done
}

python=$(find_python)
has_uv=$(command -v uv || true)
if [ -z "$python" ] && { [ -n "${PYTHON:-}" ] || [ -z "$has_uv" ]; }; then
    echo "make_venv: ${PYTHON:-there} is no Python 3.11 or later" >&2
    exit 1
fi

if ! new_enough "$venv/bin/python"; then
    echo "making $venv with ${python:-a Python that uv fetches} (once)"
    rm -rf "$venv"
    if [ -n "$has_uv" ] && uv venv --quiet --python "${python:->=3.11}" "$venv"; then
        :
    elif ! "$python" -m venv "$venv" >/dev/null 2>&1; then
        # Some distributions ship venv without ensurepip; pip itself can install from outside.
        "$python" -m venv --clear --without-pip "$venv"
    fi
fi

extras=$("$venv/bin/python" -c '
import tomllib
with open("pyproject.toml", "rb") as file:
    extras = tomllib.load(file)["project"].get("optional-dependencies", {})
    print(",".join(name for name in extras if name != "fuzz"))
')${2:+,$2}

install() {
    if [ -n "$has_uv" ] && uv pip install --quiet --python "$venv/bin/python" -e ".[$extras]"; then
        return
    fi
    if "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        set -- "$venv/bin/python" -m pip
    else
        set -- "$python" -m pip --python "$venv/bin/python"
    fi
    "$@" install --quiet --disable-pip-version-check -e ".[$extras]"
}

echo "installing runeskript[$extras] into $venv"
install
# An editable install leaves our own modules uncompiled, and the first command would pay for it
# (each one, where PYTHONDONTWRITEBYTECODE is set).
"$venv/bin/python" -m compileall -q src
