import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** A server that looks at its disk, its version and its limits by running commands, as many do. */
public final class JavaServer {
    private static final Map<String, List<String>> FACTS = Map.of(
            "/disk", List.of("df", "-k", "/"),
            "/version", List.of("git", "--version"),
            "/limits", List.of("/bin/sh", "-c", "ulimit -n"),
            "/host", List.of("hostname"));

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 8090), 0);
        for (Map.Entry<String, List<String>> fact : FACTS.entrySet()) {
            server.createContext(fact.getKey(), exchange -> {
                byte[] answer = run(fact.getValue()).getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, answer.length);
                exchange.getResponseBody().write(answer);
                exchange.close();
            });
        }
        server.createContext("/stop", exchange -> System.exit(0));
        server.start();
    }

    private static String run(List<String> command) {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            process.waitFor();
            return text;
        } catch (java.io.IOException | InterruptedException error) {
            return error.toString();
        }
    }
}
