"""What the portal refuses; each docstring is the message."""

from shared.problems import Conflict, Forbidden, Invalid


class NoMassDeployment(Forbidden):
    """You need the right "allow mass deployment"; contact your administrator."""

    slug, title = "no-mass-deployment", "Right missing"


class NotSubscribed(Conflict):
    """The company hasn't subscribed to invoicing; contact your sales representative."""

    slug, title = "not-subscribed", "Option not subscribed"


class LegalInformationMissing(Invalid):
    """The company's legal information isn't complete; each missing field is named."""

    slug, title = "legal-information-missing", "Legal information missing"


class NoUserAttached(Conflict):
    """Attach at least one user to the company first."""

    slug, title = "no-user", "No user attached"


class NoProfileChosen(Invalid):
    """Choose at least one profile that gets access."""

    slug, title = "no-profile", "No profile chosen"


class StalePreview(Conflict):
    """Something changed since you saw the warning: look at it again, then confirm."""

    slug, title = "stale-preview", "Changed meanwhile"


class NoSuchProfile(Invalid):
    """None of the chosen profiles exists in this company."""

    slug, title = "no-such-profile", "No such profile"


class NothingChosen(Invalid):
    """Choose at least one company, and at most ten thousand."""

    slug, title = "nothing-chosen", "Nothing chosen"


class NothingRefused(Conflict):
    """No company of this deployment was refused; there is nothing to try again."""

    slug, title = "nothing-refused", "Nothing refused"


class NoSubscription(Conflict):
    """The company has no subscription yet; contact your sales representative."""

    slug, title = "no-subscription", "No subscription"


class StaleSubscription(Conflict):
    """The subscription changed since you looked at it; look again, then buy."""

    slug, title = "stale-subscription", "Changed meanwhile"
