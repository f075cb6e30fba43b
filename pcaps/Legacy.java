import java.io.FileInputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.security.KeyStore;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.util.List;
import javax.net.ssl.*;

/**
 * An SSL client and server for what OpenSSL is no longer built with: SSL 3.0, the SSLv2-compatible hello, RC4, 3DES.
 *
 *     java Legacy.java server ADDR PORT KEYS.p12 PROTOCOLS CIPHERS     serves one connection
 *     java Legacy.java client ADDR PORT NAME     PROTOCOLS CIPHERS     (comma-separated lists; "-" is the default)
 */
public class Legacy {
    public static void main(String[] args) throws Exception {
        Security.setProperty("jdk.tls.disabledAlgorithms", "");
        Security.setProperty("jdk.certpath.disabledAlgorithms", "");
        boolean server = args[0].equals("server");
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(server ? keys(args[3]) : null, new TrustManager[] {new TrustAll()}, null);
        InetSocketAddress address = new InetSocketAddress(args[1], Integer.parseInt(args[2]));
        try (SSLSocket socket = server ? accept(context, address) : dial(context, address, args[3])) {
            socket.setEnabledProtocols(args[4].split(","));
            if (!args[5].equals("-")) socket.setEnabledCipherSuites(args[5].split(","));
            byte[] line = (server ? "HTTP/1.0 204 No Content\r\n\r\n" : "GET / HTTP/1.0\r\n\r\n").getBytes();
            if (server) socket.getInputStream().read(new byte[1024]);
            socket.getOutputStream().write(line);
            if (!server) socket.getInputStream().read(new byte[1024]);
        }
    }

    static KeyManager[] keys(String file) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(file), "portcullis".toCharArray());
        KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
        factory.init(store, "portcullis".toCharArray());
        return factory.getKeyManagers();
    }

    static SSLSocket accept(SSLContext context, InetSocketAddress address) throws Exception {
        try (SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket()) {
            listener.bind(address);
            return (SSLSocket) listener.accept();
        }
    }

    static SSLSocket dial(SSLContext context, InetSocketAddress address, String name) throws Exception {
        Socket plain = new Socket(address.getAddress(), address.getPort());
        SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket(plain, name, address.getPort(), true);
        SSLParameters parameters = socket.getSSLParameters();
        parameters.setServerNames(List.of(new SNIHostName(name)));
        socket.setSSLParameters(parameters);
        return socket;
    }

    static class TrustAll extends X509ExtendedTrustManager {
        public void checkClientTrusted(X509Certificate[] chain, String type) {}
        public void checkServerTrusted(X509Certificate[] chain, String type) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}
        public X509Certificate[] getAcceptedIssuers() { return new X509Certificate[0]; }
    }
}
