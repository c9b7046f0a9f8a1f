#!/bin/bash
# Text is cut, sorted, joined and counted; files are found and worked on by several processes.
set -eu
mkdir -p /tmp/tree && cd /tmp/tree
for n in $(seq 300); do echo "$n $((n * 37 % 101)) name$((n % 7))" >"file$n.txt"; done
find . -name '*.txt' -exec cat '{}' + | sort -k2,2n -k1,1n | awk '{ sum[$3] += $2 } END { for (k in sum) print k, sum[k] }' | sort
find . -name 'file1*.txt' -print0 | xargs -0 -n 8 -P 4 gzip -k
find . -name '*.gz' -exec sh -c 'zcat "$1" | wc -c' _ '{}' \; | sort -n | tail -1
cut -d' ' -f3 ./*.txt | uniq -c | sed 's/^ *//' | head -3
paste -d, <(seq 5) <(seq 6 10) | tr , '\t' | expand
comm -12 <(seq 1 100 | sort) <(seq 50 150 | sort) | wc -l
grep -rl name3 . | wc -l
find / -xdev -type f -size +20M -not -path '/proc/*' 2>/dev/null | head -20 >/dev/null
du -ah /tmp/tree | sort -h | tail -2
find . -type f -mmin -5 -delete
date -d yesterday +%F; cal 2>/dev/null || true; bc <<<'2^64'
jq -n '[range(10)] | map(. * 2) | add'
