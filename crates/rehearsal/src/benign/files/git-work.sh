#!/bin/bash
# A repository lives: hooks, branches, a bare remote, clones, garbage collection, archives.
set -eu
export HOME=/tmp/home GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@test GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@test
mkdir -p "$HOME"
git config --global init.defaultBranch main
git init -q --bare /srv/shop.git
cat >/srv/shop.git/hooks/post-receive <<'SH'
#!/bin/sh
while read -r old new ref; do echo "$ref $old $new" >>/srv/pushes.log; done
SH
chmod +x /srv/shop.git/hooks/post-receive
git clone -q /srv/shop.git /tmp/work 2>/dev/null
cd /tmp/work
cat >.git/hooks/pre-commit <<'SH'
#!/bin/sh
git diff --cached --check
SH
chmod +x .git/hooks/pre-commit
for n in $(seq 12); do
	echo "$n" >"file$n"
	git add . && git commit -q -m "change $n"
done
git checkout -q -b topic && echo more >>file1 && git commit -qam more
git checkout -q main && git merge -q --no-edit topic
git push -q origin main
git log --oneline | head -3
git gc -q && git fsck --no-progress
git clone -q --depth 1 "file:///srv/shop.git" /tmp/shallow
git archive --format=tar.gz -o /tmp/shop.tar.gz HEAD
git rev-parse HEAD && git describe --always
test -s /srv/pushes.log
