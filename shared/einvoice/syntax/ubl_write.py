"""An invoice as UBL 2.1 (Peppol BIS Billing 3 binding of EN 16931)."""

from collections.abc import Iterable, Sequence

from lxml import etree

from shared.einvoice.model import Invoice, Note, PaymentInstructions, SupportingDocument
from shared.einvoice.syntax.names import (
    CAC,
    CBC,
    CREDIT_NOTE,
    CREDIT_NOTE_ROOT,
    INVOICE,
    INVOICE_ROOT,
    INVOICED_OBJECT,
    PROJECT,
)
from shared.einvoice.syntax.ubl_write_lines import add_line, add_tax_totals, add_totals
from shared.einvoice.syntax.ubl_write_parties import (
    add_address,
    add_buyer,
    add_payee,
    add_seller,
    add_tax_representative,
)
from shared.einvoice.syntax.writing import Element, add, add_allowance_charge, group


def write(invoice: Invoice) -> bytes:
    """UBL 2.1, UTF-8, indented; the same invoice gives the same bytes."""
    credit = invoice.is_credit_note
    namespaces = {None: CREDIT_NOTE if credit else INVOICE, "cac": CAC, "cbc": CBC}
    root = etree.Element(
        CREDIT_NOTE_ROOT if credit else INVOICE_ROOT,
        nsmap=namespaces,  # type: ignore[arg-type]  # the stubs forget the default namespace
    )
    _head(root, invoice)
    _references(root, invoice)
    add_seller(root, invoice.seller, _creditor(invoice))
    add_buyer(root, invoice.buyer)
    add_payee(root, invoice.payee)
    add_tax_representative(root, invoice.tax_representative)
    _delivery(root, invoice)
    _payment(root, invoice)
    for allowance in invoice.allowances:
        add_allowance_charge(root, allowance, invoice.currency, charge=False, vat=allowance.vat)
    for charge in invoice.charges:
        add_allowance_charge(root, charge, invoice.currency, charge=True, vat=charge.vat)
    add_tax_totals(root, invoice)
    add_totals(root, invoice)
    for line in invoice.lines:
        add_line(root, line, invoice.currency, credit=credit)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _head(root: Element, invoice: Invoice) -> None:
    credit = invoice.is_credit_note
    add(root, "CustomizationID", invoice.specification)
    add(root, "ProfileID", invoice.business_process)
    add(root, "ID", invoice.number)
    add(root, "IssueDate", invoice.issue_date)
    if credit:
        add(root, "TaxPointDate", invoice.vat_point_date)
        add(root, "CreditNoteTypeCode", invoice.type_code)
    else:
        add(root, "DueDate", invoice.due_date)
        add(root, "InvoiceTypeCode", invoice.type_code)
    for text in note_texts(invoice.notes, one="poacc:billing" in (invoice.specification or "")):
        add(root, "Note", text)
    if not credit:
        add(root, "TaxPointDate", invoice.vat_point_date)
    add(root, "DocumentCurrencyCode", invoice.currency)
    add(root, "TaxCurrencyCode", invoice.accounting_currency)
    add(root, "AccountingCost", invoice.accounting_reference)
    add(root, "BuyerReference", invoice.buyer_reference)
    if invoice.period or invoice.vat_point_code:
        period = group(root, "InvoicePeriod")
        add(period, "StartDate", invoice.period.start if invoice.period else None)
        add(period, "EndDate", invoice.period.end if invoice.period else None)
        add(period, "DescriptionCode", invoice.vat_point_code)


def note_texts(notes: Sequence[Note], *, one: bool) -> Iterable[str]:
    """BG-1 in UBL: `#SUBJECT#text`; Peppol takes `one` note alone (PEPPOL-EN16931-R002)."""
    texts = [f"#{note.subject}#{note.text}" if note.subject else note.text for note in notes]
    if not one or len(texts) < 2:
        return texts
    plain_first = sorted(texts, key=lambda text: text.startswith("#"))
    return ["\n".join(plain_first)]


def _references(root: Element, invoice: Invoice) -> None:
    if invoice.purchase_order_reference or invoice.sales_order_reference:
        order = group(root, "OrderReference")
        add(order, "ID", invoice.purchase_order_reference or "NA")
        add(order, "SalesOrderID", invoice.sales_order_reference)
    for preceding in invoice.preceding_invoices:
        reference = group(group(root, "BillingReference"), "InvoiceDocumentReference")
        add(reference, "ID", preceding.number)
        add(reference, "IssueDate", preceding.issue_date)
    _reference(root, "DespatchDocumentReference", invoice.despatch_advice_reference)
    _reference(root, "ReceiptDocumentReference", invoice.receiving_advice_reference)
    if invoice.is_credit_note:
        _reference(root, "ContractDocumentReference", invoice.contract_reference)
        _additional_documents(root, invoice)
        _reference(root, "OriginatorDocumentReference", invoice.tender_reference)
        return
    _reference(root, "OriginatorDocumentReference", invoice.tender_reference)
    _reference(root, "ContractDocumentReference", invoice.contract_reference)
    _additional_documents(root, invoice)
    _reference(root, "ProjectReference", invoice.project_reference)


def _reference(root: Element, name: str, value: str | None) -> None:
    if value:
        add(group(root, name), "ID", value)


def _additional_documents(root: Element, invoice: Invoice) -> None:
    if invoice.invoiced_object:
        reference = group(root, "AdditionalDocumentReference")
        add(reference, "ID", invoice.invoiced_object.value, schemeID=invoice.invoiced_object.scheme)
        add(reference, "DocumentTypeCode", INVOICED_OBJECT)
    if invoice.is_credit_note and invoice.project_reference:
        reference = group(root, "AdditionalDocumentReference")
        add(reference, "ID", invoice.project_reference)
        add(reference, "DocumentTypeCode", PROJECT)
    for document in invoice.attachments:
        _supporting_document(root, document)


def _supporting_document(root: Element, document: SupportingDocument) -> None:
    reference = group(root, "AdditionalDocumentReference")
    add(reference, "ID", document.reference)
    add(reference, "DocumentDescription", document.description)
    if document.content or document.location:
        attachment = group(reference, "Attachment")
        add(
            attachment,
            "EmbeddedDocumentBinaryObject",
            document.content,
            mimeCode=document.mime_code,
            filename=document.filename,
        )
        if document.location:
            add(group(attachment, "ExternalReference"), "URI", document.location)


def _creditor(invoice: Invoice) -> str | None:
    debit = invoice.payment and invoice.payment.direct_debit
    return debit.creditor if debit else None


def _delivery(root: Element, invoice: Invoice) -> None:
    delivery = invoice.delivery
    if delivery is None:
        return
    element = group(root, "Delivery")
    add(element, "ActualDeliveryDate", delivery.actual_date)
    if delivery.location or delivery.address:
        location = group(element, "DeliveryLocation")
        if delivery.location:
            add(location, "ID", delivery.location.value, schemeID=delivery.location.scheme)
        if delivery.address:
            add_address(location, "Address", delivery.address)
    if delivery.party_name:
        add(group(group(element, "DeliveryParty"), "PartyName"), "Name", delivery.party_name)


def _payment(root: Element, invoice: Invoice) -> None:
    payment = invoice.payment
    due = invoice.due_date if invoice.is_credit_note else None
    if payment is None and due is not None:
        payment = PaymentInstructions(means_code="1")
    if payment is not None:
        for account in payment.accounts or (None,):
            means = group(root, "PaymentMeans")
            add(means, "PaymentMeansCode", payment.means_code, name=payment.means_text)
            add(means, "PaymentDueDate", due)
            add(means, "PaymentID", payment.remittance_information)
            if payment.card:
                card = group(means, "CardAccount")
                add(card, "PrimaryAccountNumberID", payment.card.number)
                add(card, "NetworkID", payment.card.network or "NA")
                add(card, "HolderName", payment.card.holder)
            if account:
                payee = group(means, "PayeeFinancialAccount")
                add(payee, "ID", account.account)
                add(payee, "Name", account.name)
                if account.bic:
                    add(group(payee, "FinancialInstitutionBranch"), "ID", account.bic)
            _mandate(means, payment)
    if invoice.payment_terms:
        add(group(root, "PaymentTerms"), "Note", invoice.payment_terms)


def _mandate(means: Element, payment: PaymentInstructions) -> None:
    debit = payment.direct_debit
    if debit and (debit.mandate or debit.account):
        mandate = group(means, "PaymentMandate")
        add(mandate, "ID", debit.mandate)
        if debit.account:
            add(group(mandate, "PayerFinancialAccount"), "ID", debit.account)
