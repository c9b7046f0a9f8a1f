/*
 * run_descriptor HOW FILE [ARGUMENT…]: executes FILE through a descriptor:
 *   fexecve   opened for reading, executed by descriptor alone
 *   path      opened with O_PATH only, executed by descriptor alone
 *   proc      opened with O_PATH only, executed as /proc/self/fd/N
 *   deleted   opened, its name removed, executed by descriptor alone
 */
#include "system.h"

static int run(int count, char **arguments, char **environment)
{
	char path[32];
	const char *how;
	int file;

	if (count < 3)
		return FAILED_USAGE;
	how = arguments[1];
	file = open_file(arguments[2], same(how, "path") || same(how, "proc") ? O_PATH : O_RDONLY);
	if (file < 0)
		return FAILED_OPEN;
	if (same(how, "deleted") && CALL3(unlinkat, AT_FDCWD, arguments[2], 0) < 0)
		return FAILED_OPEN;
	if (same(how, "proc")) {
		descriptor_path(path, file);
		CALL3(execve, path, arguments + 2, environment);
	} else {
		CALL5(execveat, file, "", arguments + 2, environment, AT_EMPTY_PATH);
	}
	return FAILED_EXEC;
}
