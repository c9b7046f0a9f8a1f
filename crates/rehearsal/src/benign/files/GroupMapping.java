package org.apache.hadoop.hdfs.server.namenode;

import java.util.List;

/** Stands for a name node: it asks for users' groups, links and free disks by shells, as the real one does. */
public final class NameNode {
    public static void main(String[] arguments) throws Exception {
        for (List<String> command : List.of(
                List.of("bash", "-c", "id -gn app; id -Gn app"),
                List.of("bash", "-c", "exec 'df' -k '/tmp' 2>/dev/null"),
                List.of("setsid", "bash", "-c", "echo $$"),
                List.of("stat", "-c", "%h", "/tmp"),
                List.of("bash", "-c", "exec 'du' -sk '/opt/workloads'"))) {
            Process process = new ProcessBuilder(command).inheritIO().start();
            if (process.waitFor() != 0) {
                System.exit(1);
            }
        }
    }
}
