"""An invoice as UN/CEFACT CII D22B: what a Factur-X PDF carries (profile EN 16931)."""

from lxml import etree

from shared.einvoice.model import Invoice, SupportingDocument, VatBreakdown
from shared.einvoice.parties import CreditTransfer, PaymentInstructions
from shared.einvoice.syntax.cii_elements import NAMESPACES, node, put, put_amount, put_date
from shared.einvoice.syntax.cii_lines import add_allowance_charge, add_line, add_period
from shared.einvoice.syntax.cii_parties import (
    add_delivery,
    add_party,
    add_payee,
    add_tax_representative,
)
from shared.einvoice.syntax.writing import Element

EN16931_SPECIFICATION = "urn:cen.eu:en16931:2017"
_VAT_POINTS = {"3": "5", "35": "29", "432": "72"}
"""BT-8: the model has UNTDID 2005, CII has UNTDID 2475."""


def write(invoice: Invoice) -> bytes:
    """CII in the Factur-X profile EN 16931, UTF-8, indented; the same invoice gives the same bytes.

    BT-24 becomes EN 16931, for Peppol's identifier is about UBL.
    """
    root = etree.Element(f"{{{NAMESPACES['rsm']}}}CrossIndustryInvoice", nsmap=NAMESPACES)
    context = node(root, "rsm:ExchangedDocumentContext")
    put(context, "BusinessProcessSpecifiedDocumentContextParameter/ID", invoice.business_process)
    put(context, "GuidelineSpecifiedDocumentContextParameter/ID", EN16931_SPECIFICATION)
    document = node(root, "rsm:ExchangedDocument")
    put(document, "ID", invoice.number)
    put(document, "TypeCode", invoice.type_code)
    put_date(document, "IssueDateTime", invoice.issue_date)
    for note in invoice.notes:
        element = node(document, "IncludedNote")
        put(element, "Content", note.text)
        put(element, "SubjectCode", note.subject)
    transaction = node(root, "rsm:SupplyChainTradeTransaction")
    for line in invoice.lines:
        add_line(transaction, line)
    _agreement(transaction, invoice)
    add_delivery(transaction, invoice)
    _settlement(transaction, invoice)
    etree.indent(root)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def _agreement(transaction: Element, invoice: Invoice) -> None:
    element = node(transaction, "ApplicableHeaderTradeAgreement")
    put(element, "BuyerReference", invoice.buyer_reference)
    add_party(element, "SellerTradeParty", invoice.seller)
    add_party(element, "BuyerTradeParty", invoice.buyer)
    add_tax_representative(element, invoice.tax_representative)
    put(element, "SellerOrderReferencedDocument/IssuerAssignedID", invoice.sales_order_reference)
    put(element, "BuyerOrderReferencedDocument/IssuerAssignedID", invoice.purchase_order_reference)
    put(element, "ContractReferencedDocument/IssuerAssignedID", invoice.contract_reference)
    for attachment in invoice.attachments:
        _supporting_document(element, attachment)
    if invoice.tender_reference:
        _reference(element, invoice.tender_reference, "50", None)
    if invoice.invoiced_object:
        _reference(element, invoice.invoiced_object.value, "130", invoice.invoiced_object.scheme)
    if invoice.project_reference:
        project = node(element, "SpecifiedProcuringProject")
        put(project, "ID", invoice.project_reference)
        put(project, "Name", "Project reference")


def _reference(element: Element, value: str, type_code: str, scheme: str | None) -> None:
    reference = node(element, "AdditionalReferencedDocument")
    put(reference, "IssuerAssignedID", value)
    put(reference, "TypeCode", type_code)
    put(reference, "ReferenceTypeCode", scheme)


def _supporting_document(element: Element, document: SupportingDocument) -> None:
    reference = node(element, "AdditionalReferencedDocument")
    put(reference, "IssuerAssignedID", document.reference)
    put(reference, "URIID", document.location)
    put(reference, "TypeCode", "916")
    put(reference, "Name", document.description)
    put(
        reference,
        "AttachmentBinaryObject",
        document.content,
        mimeCode=document.mime_code,
        filename=document.filename,
    )


def _settlement(transaction: Element, invoice: Invoice) -> None:
    element, payment = node(transaction, "ApplicableHeaderTradeSettlement"), invoice.payment
    debit = payment.direct_debit if payment else None
    put(element, "CreditorReferenceID", debit.creditor if debit else None)
    put(element, "PaymentReference", payment.remittance_information if payment else None)
    put(element, "TaxCurrencyCode", _other_currency(invoice))
    put(element, "InvoiceCurrencyCode", invoice.currency)
    add_payee(element, invoice.payee)
    if payment:
        for account in payment.accounts or (None,):
            _payment_means(element, payment, account)
    for position, part in enumerate(invoice.vat_breakdown):
        _vat(element, part, invoice, first=position == 0)
    add_period(element, invoice.period)
    for allowance in invoice.allowances:
        add_allowance_charge(element, allowance, charge=False, vat=allowance.vat)
    for charge in invoice.charges:
        add_allowance_charge(element, charge, charge=True, vat=charge.vat)
    if invoice.payment_terms or invoice.due_date or (debit and debit.mandate):
        terms = node(element, "SpecifiedTradePaymentTerms")
        put(terms, "Description", invoice.payment_terms)
        put_date(terms, "DueDateDateTime", invoice.due_date)
        put(terms, "DirectDebitMandateID", debit.mandate if debit else None)
    _totals(element, invoice)
    for preceding in invoice.preceding_invoices:
        reference = node(element, "InvoiceReferencedDocument")
        put(reference, "IssuerAssignedID", preceding.number)
        put_date(reference, "FormattedIssueDateTime", preceding.issue_date, "qdt:DateTimeString")
    put(element, "ReceivableSpecifiedTradeAccountingAccount/ID", invoice.accounting_reference)


def _payment_means(
    settlement: Element, payment: PaymentInstructions, account: CreditTransfer | None
) -> None:
    means = node(settlement, "SpecifiedTradeSettlementPaymentMeans")
    put(means, "TypeCode", payment.means_code)
    put(means, "Information", payment.means_text)
    if payment.card:
        card = node(means, "ApplicableTradeSettlementFinancialCard")
        put(card, "ID", payment.card.number)
        put(card, "CardholderName", payment.card.holder)
    if payment.direct_debit:
        put(means, "PayerPartyDebtorFinancialAccount/IBANID", payment.direct_debit.account)
    if account:
        payee = node(means, "PayeePartyCreditorFinancialAccount")
        put(payee, "IBANID" if account.account[:2].isalpha() else "ProprietaryID", account.account)
        put(payee, "AccountName", account.name)
        put(means, "PayeeSpecifiedCreditorFinancialInstitution/BICID", account.bic)


def _vat(settlement: Element, part: VatBreakdown, invoice: Invoice, *, first: bool) -> None:
    tax = node(settlement, "ApplicableTradeTax")
    put_amount(tax, "CalculatedAmount", part.tax_amount)
    put(tax, "TypeCode", "VAT")
    put(tax, "ExemptionReason", part.exemption_reason)
    put_amount(tax, "BasisAmount", part.taxable_amount)
    put(tax, "CategoryCode", part.category)
    put(tax, "ExemptionReasonCode", part.exemption_code)
    put_date(tax, "TaxPointDate", invoice.vat_point_date if first else None, "udt:DateString")
    code = invoice.vat_point_code if first else None
    put(tax, "DueDateTypeCode", _VAT_POINTS.get(code, code) if code else None)
    put(tax, "RateApplicablePercent", part.rate)


def _totals(settlement: Element, invoice: Invoice) -> None:
    element = node(settlement, "SpecifiedTradeSettlementHeaderMonetarySummation")
    totals = invoice.totals
    put_amount(element, "LineTotalAmount", totals.line_total)
    put_amount(element, "ChargeTotalAmount", totals.charge_total)
    put_amount(element, "AllowanceTotalAmount", totals.allowance_total)
    put_amount(element, "TaxBasisTotalAmount", totals.without_vat)
    put_amount(element, "TaxTotalAmount", totals.vat, invoice.currency)
    if _other_currency(invoice):
        put_amount(
            element, "TaxTotalAmount", totals.vat_in_accounting_currency, _other_currency(invoice)
        )
    put_amount(element, "RoundingAmount", totals.rounding)
    put_amount(element, "GrandTotalAmount", totals.with_vat)
    put_amount(element, "TotalPrepaidAmount", totals.paid)
    put_amount(element, "DuePayableAmount", totals.amount_due)


def _other_currency(invoice: Invoice) -> str | None:
    """BT-6, unless it merely repeats BT-5."""
    return None if invoice.accounting_currency == invoice.currency else invoice.accounting_currency
