"""What French law wants on an invoice between companies."""

from shared.einvoice.model import Note

MANDATORY_NOTES = (
    Note(
        subject="PMT",
        text="Indemnité forfaitaire pour frais de recouvrement en cas de retard de paiement : 40 €.",
    ),
    Note(
        subject="PMD",
        text="Tout retard de paiement entraîne des pénalités, exigibles le jour suivant l'échéance, "
        "au taux de trois fois le taux d'intérêt légal.",
    ),
    Note(subject="AAB", text="Aucun escompte n'est accordé en cas de paiement anticipé."),
)
"""The usual words for recovery costs, late payment and early payment (BR-FR-05, C. com. L441-9, D441-5).

A seller with other terms writes its own, under the same subject codes.
"""
