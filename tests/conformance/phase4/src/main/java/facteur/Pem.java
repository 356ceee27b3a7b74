package facteur;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;

import com.helger.phase4.crypto.AS4CryptoFactoryInMemoryKeyStore;
import com.helger.phase4.crypto.IAS4CryptoFactory;

/** Certificates and keys from PEM files. */
final class Pem {
  private static final char[] PASSWORD = "memory".toCharArray();

  private Pem() {}

  static X509Certificate certificate(Path path) throws GeneralSecurityException, IOException {
    try (InputStream in = Files.newInputStream(path)) {
      return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
    }
  }

  static X509Certificate[] certificates(String[] paths, int from) throws GeneralSecurityException, IOException {
    X509Certificate[] found = new X509Certificate[paths.length - from];
    for (int i = from; i < paths.length; i++) {
      found[i - from] = certificate(Path.of(paths[i]));
    }
    return found;
  }

  static IAS4CryptoFactory crypto(Path certificate, Path key, X509Certificate[] authorities)
      throws GeneralSecurityException, IOException {
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(null, PASSWORD);
    own.setKeyEntry("own", key(key), PASSWORD, new Certificate[] {certificate(certificate)});
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, PASSWORD);
    for (int i = 0; i < authorities.length; i++) {
      trusted.setCertificateEntry("authority" + i, authorities[i]);
    }
    return new AS4CryptoFactoryInMemoryKeyStore(own, "own", PASSWORD, trusted);
  }

  private static PrivateKey key(Path path) throws GeneralSecurityException, IOException {
    String base64 = Files.readString(path).replaceAll("-----[A-Z ]+-----", "").replaceAll("\\s", "");
    return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(base64)));
  }
}
