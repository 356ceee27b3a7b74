package facteur;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;

import com.helger.peppolid.IParticipantIdentifier;
import com.helger.peppolid.factory.PeppolIdentifierFactory;
import com.helger.phase4.crypto.IAS4CryptoFactory;
import com.helger.phase4.peppol.Phase4PeppolSender;
import com.helger.phase4.sender.EAS4UserMessageSendResult;
import com.helger.phase4.sender.IAS4SignalMessageValidationResultHandler;
import com.helger.security.certificate.TrustedCAChecker;

import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;

/**
 * Sends the document of the request's body, by the parameters url, cert, to, sender, receiver,
 * doctype, process, country, compress, messageId, instance; answers with lines of key and value.
 */
final class Sender extends HttpServlet {
  private static final PeppolIdentifierFactory IDS = PeppolIdentifierFactory.INSTANCE;

  private final String own;
  private final IAS4CryptoFactory crypto;
  private final TrustedCAChecker trust;

  Sender(X509Certificate certificate, IAS4CryptoFactory crypto, TrustedCAChecker trust) {
    this.own = commonName(certificate);
    this.crypto = crypto;
    this.trust = trust;
  }

  @Override
  protected void doPost(HttpServletRequest request, HttpServletResponse response) throws IOException {
    List<String> said = new ArrayList<>();
    try {
      send(request, said);
    } catch (Exception e) {
      said.add("problem " + e);
    }
    response.setContentType("text/plain;charset=utf-8");
    response.getOutputStream().write((String.join("\n", said) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private void send(HttpServletRequest request, List<String> said) throws Exception {
    X509Certificate receiver = Pem.certificate(Path.of(request.getParameter("cert")));
    var builder = Phase4PeppolSender.builder()
        .cryptoFactory(crypto)
        .documentTypeID(IDS.createDocumentTypeIdentifierWithDefaultScheme(request.getParameter("doctype")))
        .processID(IDS.createProcessIdentifierWithDefaultScheme(request.getParameter("process")))
        .senderParticipantID(participant(request.getParameter("sender")))
        .receiverParticipantID(participant(request.getParameter("receiver")))
        .senderPartyID(own)
        .countryC1(request.getParameter("country"))
        .compressPayload(!"false".equals(request.getParameter("compress")))
        .peppolAP_CAChecker(trust)
        .receiverEndpointDetails(receiver, request.getParameter("url"))
        .disableValidation()
        .payload(request.getInputStream().readAllBytes());
    if (request.getParameter("messageId") != null) {
      builder.messageID(request.getParameter("messageId"));
    }
    if (request.getParameter("instance") != null) {
      builder.sbdhInstanceIdentifier(request.getParameter("instance"));
    }
    builder.signalMsgConsumer((signal, metadata, state) -> {
      said.add("receipt " + (signal.getReceipt() != null));
      signal.getError().forEach(e -> said.add("error " + e.getErrorCode() + " " + e.getErrorDetail()
          + " | " + e.getDescriptionValue()));
    });
    builder.signalMsgValidationResultHdl(new IAS4SignalMessageValidationResultHandler() {
      @Override
      public void onSuccess() {
        said.add("digests equal");
      }

      @Override
      public void onError(String message) {
        said.add("digests differ: " + message);
      }

      @Override
      public void onNotApplicable() {
        said.add("digests not applicable");
      }
    });
    EAS4UserMessageSendResult result = builder.sendMessageAndCheckForReceipt(e -> said.add("problem " + e));
    said.add("result " + result);
  }

  private static IParticipantIdentifier participant(String value) {
    return IDS.createParticipantIdentifierWithDefaultScheme(value);
  }

  private static String commonName(X509Certificate certificate) {
    for (String part : certificate.getSubjectX500Principal().getName().split(",")) {
      if (part.startsWith("CN=")) {
        return part.substring(3);
      }
    }
    throw new IllegalArgumentException("the certificate has no common name");
  }
}
