import java.io.File;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.flavours.PDFAFlavour;

/** Prints a line for each file: its name, a tab, "valid", or what is wrong, or why it can't be read. */
public class Main {
    public static void main(String[] files) {
        VeraGreenfieldFoundryProvider.initialise();
        var foundry = Foundries.defaultInstance();
        for (String file : files) {
            try (var parser = foundry.createParser(new File(file), PDFAFlavour.PDFA_3_B);
                    var validator = foundry.createValidator(PDFAFlavour.PDFA_3_B, false)) {
                var result = validator.validate(parser);
                var broken = new java.util.TreeSet<String>();
                result.getTestAssertions().forEach(a -> broken.add(a.getRuleId().getClause() + " " + a.getMessage()));
                System.out.println(file + "\t" + (result.isCompliant() ? "valid" : "invalid " + broken));
            } catch (Exception | Error error) {
                System.out.println(file + "\tunreadable " + error);
            }
        }
    }
}
