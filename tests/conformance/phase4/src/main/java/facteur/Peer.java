package facteur;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Duration;

import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

import com.helger.http.EHttpMethod;
import com.helger.collection.commons.CommonsArrayList;
import com.helger.phase4.crypto.IAS4CryptoFactory;
import com.helger.phase4.incoming.AS4IncomingProfileSelectorConstant;
import com.helger.phase4.incoming.AS4RequestHandler;
import com.helger.phase4.incoming.AS4ServerInitializer;
import com.helger.phase4.mgr.MetaAS4Manager;
import com.helger.phase4.model.pmode.resolve.AS4DefaultPModeResolver;
import com.helger.phase4.profile.peppol.AS4PeppolProfileRegistarSPI;
import com.helger.phase4.servlet.AS4UnifiedResponse;
import com.helger.phase4.servlet.AS4XServletHandler;
import com.helger.phase4.servlet.IAS4ServletRequestHandlerCustomizer;
import com.helger.photon.io.WebFileIO;
import com.helger.security.certificate.TrustedCAChecker;
import com.helger.security.revocation.ERevocationCheckMode;
import com.helger.web.scope.IRequestWebScopeWithoutResponse;
import com.helger.web.scope.mgr.WebScopeManager;
import com.helger.xservlet.AbstractXServlet;

/**
 * A Peppol access point on phase4: receives on /as4 into a folder, sends on POST /send.
 * Arguments: folder, our certificate (PEM), our key (PKCS#8 PEM), authorities (PEM, several files).
 * It prints its port as one line and runs until its standard input ends.
 */
public final class Peer {
  static final String PROFILE = AS4PeppolProfileRegistarSPI.AS4_PROFILE_ID;

  private Peer() {}

  public static void main(String[] args) throws Exception {
    Path folder = Path.of(args[0]);
    Files.createDirectories(folder.resolve("received"));
    X509Certificate[] authorities = Pem.certificates(args, 3);
    IAS4CryptoFactory crypto = Pem.crypto(Path.of(args[1]), Path.of(args[2]), authorities);
    TrustedCAChecker trust =
        new TrustedCAChecker(ERevocationCheckMode.NONE, Duration.ofMinutes(1), 100, authorities);

    Server server = new Server();
    ServerConnector connector = new ServerConnector(server);
    connector.setHost("127.0.0.1");
    server.addConnector(connector);
    ServletContextHandler context = new ServletContextHandler();
    server.setHandler(context);
    context.addEventListener(new jakarta.servlet.ServletContextListener() {
      @Override
      public void contextInitialized(jakarta.servlet.ServletContextEvent event) {
        begin(event.getServletContext(), folder.toFile());
        Receiver receiver = new Receiver(folder.resolve("received"), trust);
        var added = event.getServletContext().addServlet("as4", new As4(crypto, receiver));
        added.addMapping("/as4");
      }
    });
    context.addServlet(new ServletHolder(new Sender(Pem.certificate(Path.of(args[1])), crypto, trust)), "/send");
    server.start();
    System.out.println("port " + connector.getLocalPort());
    System.out.flush();
    while (System.in.read() >= 0) {
      // until the one who started us goes away
    }
    System.exit(0);
  }

  private static void begin(jakarta.servlet.ServletContext context, File folder) {
    WebScopeManager.onGlobalBegin(context);
    WebFileIO.initPaths(new File(folder, "phase4"), folder.getAbsolutePath(), false);
    MetaAS4Manager.getProfileMgr();
    AS4ServerInitializer.initAS4Server();
  }

  /** The servlet; made only after the global scope has begun. */
  private static final class As4 extends AbstractXServlet {
    As4(IAS4CryptoFactory crypto, Receiver receiver) {
      settings().setMultipartEnabled(false);
      AS4XServletHandler handler = new AS4XServletHandler();
      handler.setRequestHandlerCustomizer(new IAS4ServletRequestHandlerCustomizer() {
        @Override
        public void customizeBeforeHandling(
            IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler request) {
          request.setCryptoFactory(crypto);
          request.setPModeResolver(new AS4DefaultPModeResolver(PROFILE));
          request.setIncomingProfileSelector(new AS4IncomingProfileSelectorConstant(PROFILE, true));
          request.setProcessorSupplier(() -> new CommonsArrayList<>(receiver));
        }

        @Override
        public void customizeAfterHandling(
            IRequestWebScopeWithoutResponse scope, AS4UnifiedResponse response, AS4RequestHandler request) {}
      });
      handlerRegistry().registerHandler(EHttpMethod.POST, handler);
    }
  }
}
