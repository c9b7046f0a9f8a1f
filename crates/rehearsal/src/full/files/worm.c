/*
 * Goes from one container to one other and no further: copies its own file over ssh, has the copy run there, which
 * only says so. Nothing but the given address is contacted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	static const char *const steps[] = {
		"nc -z -w 2 10.77.1.1 22",
		"scp -q -o BatchMode=yes /proc/%d/exe app@10.77.1.1:/tmp/.sysupdate",
		"ssh -o BatchMode=yes app@10.77.1.1 'chmod +x /tmp/.sysupdate && /tmp/.sysupdate arrived'",
	};
	char line[256];

	if (count == 2 && strcmp(arguments[1], "arrived") == 0) {
		puts("arrived");
		return 0;
	}
	for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		snprintf(line, sizeof(line), steps[i], (int)getpid());
		if (system(line) != 0)
			return 1;
	}
	return 0;
}
