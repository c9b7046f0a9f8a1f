import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;

/** A server that runs what it is sent, as one does whose deserialisation or templates were abused. */
public final class Victim {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/run", exchange -> {
            String line = URLDecoder.decode(exchange.getRequestURI().getRawQuery(), StandardCharsets.UTF_8);
            byte[] answer;
            try {
                Process process = Runtime.getRuntime().exec(new String[] {"/bin/sh", "-c", line});
                answer = process.getInputStream().readAllBytes();
                process.waitFor();
            } catch (InterruptedException error) {
                answer = error.toString().getBytes(StandardCharsets.UTF_8);
            }
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.createContext("/exec", exchange -> {
            String line = URLDecoder.decode(exchange.getRequestURI().getRawQuery(), StandardCharsets.UTF_8);
            byte[] answer = Runtime.getRuntime().exec(line).getInputStream().readAllBytes();
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
    }
}
