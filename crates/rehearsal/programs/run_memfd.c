/*
 * run_memfd exec|path FILE NAME [ARGUMENT…]: copies FILE into an anonymous memory file called NAME and executes that:
 * `exec` by descriptor alone, as fexecve does, `path` through /proc/self/fd.
 */
#include "system.h"

static int copy(int from, int to)
{
	static char buffer[4096];

	for (;;) {
		long got = CALL3(read, from, buffer, sizeof(buffer));
		long put = 0;

		if (got <= 0)
			return (int)got;
		while (put < got) {
			long now = CALL3(write, to, buffer + put, got - put);

			if (now <= 0)
				return -1;
			put += now;
		}
	}
}

static int run(int count, char **arguments, char **environment)
{
	char path[32];
	int file, memory;

	if (count < 4)
		return FAILED_USAGE;
	file = open_file(arguments[2], O_RDONLY);
	memory = (int)CALL2(memfd_create, arguments[3], MEMFD_CLOEXEC);
	if (file < 0 || memory < 0)
		return FAILED_OPEN;
	if (copy(file, memory) < 0)
		return FAILED_COPY;
	if (same(arguments[1], "exec")) {
		CALL5(execveat, memory, "", arguments + 3, environment, AT_EMPTY_PATH);
	} else {
		descriptor_path(path, memory);
		CALL3(execve, path, arguments + 3, environment);
	}
	return FAILED_EXEC;
}
