#!/bin/bash
# The attacker has come by a key: it is made, and brought to the server with app's password.
set -eu
mkdir -p ~/.ssh && chmod 700 ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
printf 'Host *\n\tLogLevel ERROR\n' >~/.ssh/config
ssh-keyscan -t ed25519 10.77.1.1 >~/.ssh/known_hosts 2>/dev/null
sshpass -p rehearsal ssh-copy-id app@10.77.1.1 >/dev/null 2>&1
