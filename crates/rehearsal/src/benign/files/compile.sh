#!/bin/bash
# A program is configured, compiled, tested and installed: what is built runs, and that is no attack.
set -eu
build=${1:-/build}
mkdir -p "$build" && cd "$build"
cat >configure <<'SH'
#!/bin/sh
# Finds out what the compiler can do by running what it makes.
printf 'int main(void) { return sizeof(void *) == 8 ? 0 : 1; }\n' >conftest.c
cc -o conftest conftest.c && ./conftest && echo 'WORD = 64' >config.mk
rm -f conftest conftest.c
SH
cat >sum.c <<'C'
#include "sum.h"
int sum(int a, int b) { return a + b; }
C
echo 'int sum(int a, int b);' >sum.h
cat >main.c <<'C'
#include <stdio.h>
#include <stdlib.h>
#include "sum.h"
int main(int n, char **v) { printf("%d\n", sum(n > 1 ? atoi(v[1]) : 0, 1)); return 0; }
C
cat >check.c <<'C'
#include "sum.h"
int main(void) { return sum(2, 2) == 4 ? 0 : 1; }
C
cat >Makefile <<'MK'
include config.mk
all: app check
app: main.o libsum.a
	$(CC) -o $@ main.o -L. -lsum
libsum.a: sum.o
	$(AR) rcs $@ $^
check: check.o sum.o
	$(CC) -o $@ $^
test: check
	./check && test "$$(./app 41)" = 42
install: app
	install -m 755 -D app $(DESTDIR)/usr/local/bin/app
	strip $(DESTDIR)/usr/local/bin/app
MK
chmod +x configure
./configure
make -s -j2
make -s test
make -s install DESTDIR="$build/out"
"$build/out/usr/local/bin/app" 1
objdump -d app >/dev/null
file app
