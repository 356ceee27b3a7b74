package facteur;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.HexFormat;


import org.w3c.dom.Node;

import com.helger.collection.commons.ICommonsList;
import com.helger.http.header.HttpHeaderMap;
import com.helger.peppol.sbdh.PeppolSBDHData;
import com.helger.peppol.sbdh.PeppolSBDHDataReader;
import com.helger.peppolid.factory.PeppolIdentifierFactory;
import com.helger.phase4.attachment.WSS4JAttachment;
import com.helger.phase4.ebms3header.Ebms3SignalMessage;
import com.helger.phase4.ebms3header.Ebms3UserMessage;
import com.helger.phase4.error.AS4ErrorList;
import com.helger.phase4.incoming.IAS4IncomingMessageMetadata;
import com.helger.phase4.incoming.IAS4IncomingMessageState;
import com.helger.phase4.incoming.spi.AS4MessageProcessorResult;
import com.helger.phase4.incoming.spi.AS4SignalMessageProcessorResult;
import com.helger.phase4.incoming.spi.IAS4IncomingMessageProcessorSPI;
import com.helger.phase4.model.error.EEbmsError;
import com.helger.phase4.model.pmode.IPMode;
import com.helger.security.certificate.TrustedCAChecker;

/** Checks what Peppol asks of an envelope and keeps it: a file and a line of the index. */
final class Receiver implements IAS4IncomingMessageProcessorSPI {
  private final Path folder;
  private final TrustedCAChecker trust;

  Receiver(Path folder, TrustedCAChecker trust) {
    this.folder = folder;
    this.trust = trust;
  }

  @Override
  public AS4MessageProcessorResult processAS4UserMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3UserMessage message,
      IPMode pmode,
      Node payload,
      ICommonsList<WSS4JAttachment> attachments,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    try {
      if (trust.checkCertificate(state.getSigningCertificate()).isInvalid()) {
        throw new IllegalArgumentException("the signing certificate is not trusted");
      }
      if (attachments == null || attachments.size() != 1) {
        throw new IllegalArgumentException("there is not exactly one payload");
      }
      byte[] enveloped;
      try (InputStream in = attachments.get(0).getSourceStream()) {
        enveloped = in.readAllBytes();
      }
      PeppolSBDHData data = new PeppolSBDHDataReader(PeppolIdentifierFactory.INSTANCE)
          .extractData(new ByteArrayInputStream(enveloped));
      keep(state.getMessageID(), data, enveloped, attachments.get(0).getCompressionMode() != null);
      return AS4MessageProcessorResult.createSuccess();
    } catch (Exception e) {
      errors.add(EEbmsError.EBMS_OTHER
          .errorBuilder(state.getLocale())
          .refToMessageInError(state.getMessageID())
          .errorDetail(String.valueOf(e.getMessage()))
          .build());
      return AS4MessageProcessorResult.createFailure();
    }
  }

  private synchronized void keep(String messageId, PeppolSBDHData data, byte[] enveloped, boolean compressed)
      throws Exception {
    MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
    String hash = HexFormat.of().formatHex(sha256.digest(messageId.getBytes(StandardCharsets.UTF_8)));
    Files.write(folder.resolve(hash + ".xml"), enveloped);
    String line = String.join("\t",
        messageId, data.getInstanceIdentifier(), data.getSenderValue(), data.getReceiverValue(),
        data.getDocumentTypeValue(), data.getProcessValue(), data.getCountryC1(),
        Boolean.toString(compressed), hash + ".xml");
    Files.writeString(folder.resolve("index.tsv"), line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }

  @Override
  public AS4SignalMessageProcessorResult processAS4SignalMessage(
      IAS4IncomingMessageMetadata metadata,
      HttpHeaderMap headers,
      Ebms3SignalMessage message,
      IPMode pmode,
      IAS4IncomingMessageState state,
      AS4ErrorList errors) {
    return AS4SignalMessageProcessorResult.createSuccess();
  }

  @Override
  public void processAS4ResponseMessage(
      IAS4IncomingMessageMetadata metadata,
      IAS4IncomingMessageState state,
      String messageId,
      byte[] response,
      boolean available,
      AS4ErrorList errors) {}
}
