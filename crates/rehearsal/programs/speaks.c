/*
 * speaks [MS [unlink]]: says that it ran; with `unlink`, removes its own file; then sleeps MS milliseconds.
 *
 * Compiled under several names: as a program of the image and as the one that drifts in, whose contents differ.
 */
#include "system.h"

/* Told apart by content: an unchanged copy of an image file is another provenance than a foreign file. */
__attribute__((used)) static const char speaker[] = SPEAKER;

static int run(int count, char **arguments, char **environment)
{
	(void)environment;
	/* Before anything else: whoever stops it must be able to show that it had no effect. */
	say_marker();
	if (count > 2 && same(arguments[2], "unlink") && CALL3(unlinkat, AT_FDCWD, arguments[0], 0) < 0)
		return FAILED_OPEN;
	if (count > 1)
		sleep_ms(number(arguments[1]));
	return 0;
}
