"""What billing refuses; each docstring is the message."""

from shared.problems import Conflict, Forbidden, Invalid, Problem


class RulesBroken(Invalid):
    """The official rules refuse this document; each finding names its rule, its field and what to do."""

    slug, title = "rules", "Refused by the official rules"


class AlreadyIssued(Conflict):
    """This draft was issued; an issued document never changes. Make a credit note instead."""

    slug, title = "already-issued", "Already issued"


class DraftChanged(Conflict):
    """The draft changed meanwhile; look at it again before you issue it."""

    slug, title = "draft-changed", "Draft changed"


class NumberInUse(Conflict):
    """A series can't start again below a number that it has given."""

    slug, title = "number-in-use", "Number in use"


class ProductNumberInUse(Conflict):
    """Another product has this number (BT-155); give each product its own, or none."""

    slug, title = "product-number-in-use", "Product number in use"


class DateOutOfOrder(Conflict):
    """The document's own date (BT-2) is before the last one of its series, or in the future. Post it with
    set_issue_date=true, or use another series."""

    slug, title = "date-out-of-order", "Date out of order"


class NotTheSeller(Forbidden):
    """The seller of the document is another company than the one you are working in."""

    slug, title = "not-the-seller", "Another seller"


class SellerIncomplete(Invalid):
    """The legal information of your company isn't complete; each missing field is named."""

    slug, title = "seller-incomplete", "Legal information missing"


class NotAnInvoice(Invalid):
    """The document can't be read as a UBL invoice or credit note."""

    slug, title = "not-an-invoice", "Not a UBL invoice"


class RulesUnavailable(Problem):
    """The official rules can't be applied now, so nothing is issued; the draft stays. Try again."""

    status, slug, title = 503, "rules-unavailable", "Rules unavailable"


class NotJudged(Invalid):
    """The official rules couldn't be applied to this document: it takes them more than a minute, or ends
    them. Divide it, or take attachments out."""

    slug, title = "not-judged", "Can't be judged by the official rules"


class DocumentTooLarge(Problem):
    """A document may have 10 MiB; take attachments out or make them smaller."""

    status, slug, title = 413, "document-too-large", "Document too large"
