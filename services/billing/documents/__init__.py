"""Documents for people: the Factur-X PDF, its QR code, the structured communication."""
