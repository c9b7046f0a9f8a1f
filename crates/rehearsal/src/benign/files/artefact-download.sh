#!/bin/bash
# Artefacts are downloaded, checked and unpacked, by file and by pipe.
set -eu
base=http://artefacts.internal:8081
cd /tmp
curl -fsSLO "$base/release.tar.gz"
curl -fsSLO "$base/release.sha256"
sha256sum -c release.sha256
tar xzf release.tar.gz && test -s release/data.bin
mkdir -p piped && curl -fsSL "$base/release.tar.gz" | tar xz -C piped --strip-components=1
wget -q -O - "$base/release.tar.gz" | gunzip | tar t >/dev/null
wget -q "$base/release.tar.gz" -O again.tar.gz
cmp release.tar.gz again.tar.gz
curl -fsS "$base/settings.json" | jq -r .level
curl -fsS "$base/settings.json" | python3 -c 'import json, sys; print(json.load(sys.stdin)["level"])'
install -m 644 release/data.bin /usr/local/share/data.bin
rm -rf release* again.tar.gz
