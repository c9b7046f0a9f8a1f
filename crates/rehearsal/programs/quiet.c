/*
 * quiet: ignores its arguments and ends at once. Stands in for an interpreter or tool where its name and arguments are
 * the whole rehearsal: what they would do must not happen.
 */
#include "system.h"

static int run(int count, char **arguments, char **environment)
{
	(void)count;
	(void)arguments;
	(void)environment;
	return 0;
}
