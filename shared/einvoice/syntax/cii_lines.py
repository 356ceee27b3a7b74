"""Lines and allowances in CII."""

from shared.einvoice.lines import AllowanceCharge, Item, Line, Price, Vat
from shared.einvoice.syntax.cii_elements import node, put, put_amount, put_date, put_indicator
from shared.einvoice.syntax.writing import Element
from shared.einvoice.terms import Period


def add_line(transaction: Element, line: Line) -> None:
    """BG-25."""
    element = node(transaction, "IncludedSupplyChainTradeLineItem")
    document = node(element, "AssociatedDocumentLineDocument")
    put(document, "LineID", line.id)
    put(document, "IncludedNote/Content", line.note)
    _product(node(element, "SpecifiedTradeProduct"), line.item)
    agreement = node(element, "SpecifiedLineTradeAgreement")
    put(agreement, "BuyerOrderReferencedDocument/LineID", line.order_line_reference)
    _price(agreement, line.price)
    put(element, "SpecifiedLineTradeDelivery/BilledQuantity", line.quantity, unitCode=line.unit)
    settlement = node(element, "SpecifiedLineTradeSettlement")
    add_vat(settlement, "ApplicableTradeTax", line.vat)
    add_period(settlement, line.period)
    for allowance in line.allowances:
        add_allowance_charge(settlement, allowance, charge=False)
    for charge in line.charges:
        add_allowance_charge(settlement, charge, charge=True)
    put_amount(
        settlement, "SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount", line.net_amount
    )
    if line.object_identifier:
        reference = node(settlement, "AdditionalReferencedDocument")
        put(reference, "IssuerAssignedID", line.object_identifier.value)
        put(reference, "TypeCode", "130")
        put(reference, "ReferenceTypeCode", line.object_identifier.scheme)
    put(settlement, "ReceivableSpecifiedTradeAccountingAccount/ID", line.accounting_reference)


def add_vat(parent: Element, name: str, vat: Vat) -> None:
    """A VAT category and its rate."""
    tax = node(parent, name)
    put(tax, "TypeCode", "VAT")
    put(tax, "CategoryCode", vat.category)
    put(tax, "RateApplicablePercent", vat.rate)


def add_period(parent: Element, period: Period | None) -> None:
    """BG-14 or BG-26."""
    if period:
        element = node(parent, "BillingSpecifiedPeriod")
        put_date(element, "StartDateTime", period.start)
        put_date(element, "EndDateTime", period.end)


def add_allowance_charge(
    parent: Element, entry: AllowanceCharge, *, charge: bool, vat: Vat | None = None
) -> None:
    """BG-20, BG-21, BG-27 or BG-28."""
    element = node(parent, "SpecifiedTradeAllowanceCharge")
    put_indicator(element, charge=charge)
    put(element, "CalculationPercent", entry.percentage)
    put_amount(element, "BasisAmount", entry.base_amount)
    put_amount(element, "ActualAmount", entry.amount)
    put(element, "ReasonCode", entry.reason_code)
    put(element, "Reason", entry.reason)
    if vat:
        add_vat(element, "CategoryTradeTax", vat)


def _product(product: Element, item: Item) -> None:
    if item.standard_identifier:
        put(
            product,
            "GlobalID",
            item.standard_identifier.value,
            schemeID=item.standard_identifier.scheme,
        )
    put(product, "SellerAssignedID", item.seller_identifier)
    put(product, "BuyerAssignedID", item.buyer_identifier)
    put(product, "Name", item.name)
    put(product, "Description", item.description)
    for attribute in item.attributes:
        characteristic = node(product, "ApplicableProductCharacteristic")
        put(characteristic, "Description", attribute.name)
        put(characteristic, "Value", attribute.value)
    for code in item.classifications:
        put(
            product,
            "DesignatedProductClassification/ClassCode",
            code.code,
            listID=code.scheme,
            listVersionID=code.version,
        )
    put(product, "OriginTradeCountry/ID", item.origin_country)


def _price(agreement: Element, price: Price) -> None:
    if price.gross is not None:
        gross = node(agreement, "GrossPriceProductTradePrice")
        put_amount(gross, "ChargeAmount", price.gross)
        put(gross, "BasisQuantity", price.base_quantity, unitCode=price.base_unit)
        discount = node(gross, "AppliedTradeAllowanceCharge")
        put_indicator(discount, charge=False)
        put_amount(discount, "ActualAmount", price.gross - price.net)
    net = node(agreement, "NetPriceProductTradePrice")
    put_amount(net, "ChargeAmount", price.net)
    put(net, "BasisQuantity", price.base_quantity, unitCode=price.base_unit)
