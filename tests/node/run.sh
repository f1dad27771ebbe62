#!/bin/sh
# Tests the reader of segments in JavaScript with the library that NDSHM_LIBRARY and the command
# that NDSHM_COMMAND names. koffi comes from npm, into target/check-node; where there is no Node
# 20 or no koffi, that is said in target/skipped.txt.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
folder=$root/target/check-node

usable() {
    node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null || return 1
    [ -d "$folder/node_modules/koffi" ] && return 0
    (cd "$folder" && npm install --no-package-lock --no-audit --no-fund --silent) >/dev/null 2>&1
}

mkdir -p "$folder"
cp "$here"/*.mjs "$here/package.json" "$folder"
if usable; then
    NDSHM_SAMPLES=$root/tests/data node --test "$folder/test.mjs"
else
    reason='segments read by Node: Node 20 with koffi is not installed'
    echo "skipped: $reason"
    echo "$reason" >>"$root/target/skipped.txt"
fi
