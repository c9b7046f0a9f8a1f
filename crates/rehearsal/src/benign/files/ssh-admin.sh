#!/bin/bash
# An administrator looks after a host: one interactive session, some single commands, files to and fro.
set -eu
host=10.77.0.10
mkdir -p ~/.ssh && chmod 700 ~/.ssh
cp /data/id_ed25519 ~/.ssh/ && chmod 600 ~/.ssh/id_ed25519
timeout 10 sh -c "until nc -z $host 22; do sleep 0.2; done"
ssh-keyscan -t ed25519 $host >~/.ssh/known_hosts 2>/dev/null
eval "$(ssh-agent -s)" >/dev/null
ssh-add -q ~/.ssh/id_ed25519
ssh $host uptime
ssh $host 'df -h / && free -m'
printf 'level = info\n' >/tmp/app.conf
scp -q /tmp/app.conf $host:/etc/app.conf
ssh -tt $host >/dev/null 2>&1 <<'SESSION'
cd /var/log/shop
ls -la
tail -n 50 app.log | grep 49
ps aux
df -h
free -m
ss -tln
vim.tiny -es -u NONE -c '%s/info/debug/' -c 'wq' /etc/app.conf
cat /etc/app.conf
cp /etc/app.conf /etc/app.conf.bak
history | tail -3
du -sh /var/log
uname -r
date
exit
SESSION
ssh $host cat /etc/app.conf | grep -q debug
scp -q $host:/var/log/shop/app.log /tmp/
rsync -a -e ssh /etc/nginx/ $host:/etc/nginx.copy/
ssh app@$host 'mkdir -p releases/1 && ln -sfn releases/1 current && ls -l current'
tar c /etc/apt | ssh app@$host 'tar x -C releases/1'
ssh $host "sudo -u app touch /home/app/deployed"
ssh-agent -k >/dev/null
