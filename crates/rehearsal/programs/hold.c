/*
 * hold: the first process of a throw-away container. Lives until standard input ends, which is when its owner on
 * the host ends, however that ended: a killed owner leaves no running container behind.
 */
#include "system.h"

static int run(int count, char **arguments, char **environment)
{
	/* struct sigaction of the kernel with SIG_IGN: ended children are reaped without us. */
	long ignore[4] = { 1, 0, 0, 0 };
	char byte;
	long got;

	(void)count;
	(void)arguments;
	(void)environment;
	CALL4(rt_sigaction, SIGCHLD, ignore, 0, 8);
	do {
		got = CALL3(read, 0, &byte, 1);
	} while (got > 0 || got == -EINTR);
	return 0;
}
