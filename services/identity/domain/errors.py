"""What identity refuses; each docstring is the message."""

from shared.problems import Conflict, Invalid, Problem, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The e-mail or the password isn't right."""

    slug, title = "wrong-credentials", "Sign-in refused"


class TooManyAttempts(Problem):
    """Too many failed sign-ins from your address; wait five minutes."""

    status, slug, title = 429, "too-many-attempts", "Too many attempts"


class EmailTaken(Conflict):
    """This e-mail is already a user of the company."""

    slug, title = "email-taken", "Already a user"


class LastOwner(Conflict):
    """A company must keep at least one owner."""

    slug, title = "last-owner", "Last owner"


class InvitationOver(Problem):
    """This invitation was used or has expired; ask for a new one."""

    status, slug, title = 410, "invitation-over", "Invitation over"


class NotOneself(Problem):
    """One's own account is changed in Personal settings, not here."""

    status, slug, title = 403, "not-oneself", "Not your own account"


class LegalInformationWrong(Invalid):
    """Some legal information isn't right; each field is named."""

    slug, title = "legal-information", "Legal information"


class WeakPassword(Invalid):
    """Choose a longer password."""

    slug, title = "weak-password", "Password"
