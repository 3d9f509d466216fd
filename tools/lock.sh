#!/usr/bin/env bash
# Write requirements/*.lock anew: hash-pinned, for every platform, with no address in them. Versions already locked
# stay unless an .in file moved away from them; pass --upgrade to move everything.
set -euo pipefail
cd "$(dirname "$0")/.."
uv="${UV:-.venv/bin/uv}"
for name in runtime dev protos; do
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        "$@" "requirements/$name.in" --output-file "requirements/$name.lock" >/dev/null
    echo "requirements/$name.lock: $(grep -c '^[a-z].*==' "requirements/$name.lock") packages"
done
