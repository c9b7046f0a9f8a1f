#!/bin/bash
# A build job: checkout, build, test, package, checksum, upload of the artefact to the artefact store.
set -eu
store=http://artefacts.internal:8081
export HOME=/tmp/home CI=true
mkdir -p "$HOME" /builds && cd /builds
git -c init.defaultBranch=main init -q shop && cd shop
git config user.email ci@test && git config user.name ci
printf 'int main(void) { return 0; }\n' >main.c
printf 'app: main.c\n\t$(CC) -O2 -o $@ $<\n' >Makefile
git add . && git commit -q -m start
version=$(git describe --always)
make -s
./app
tar czf "/builds/shop-$version.tar.gz" app Makefile
sha256sum "/builds/shop-$version.tar.gz" >"/builds/shop-$version.sha256"
curl -fsS -T "/builds/shop-$version.tar.gz" "$store/upload/shop-$version.tar.gz"
curl -fsS -T "/builds/shop-$version.sha256" "$store/upload/shop-$version.sha256"
curl -fsS "$store/upload/shop-$version.tar.gz" | tar tz
curl -fsS -X POST -H 'Content-Type: application/json' -d "{\"state\":\"success\",\"version\":\"$version\"}" "$store/status"
