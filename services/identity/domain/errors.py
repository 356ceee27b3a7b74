"""What identity refuses; each docstring is the message."""

from shared.problems import Conflict, Invalid, Problem, Unauthenticated


class WrongCredentials(Unauthenticated):
    """The e-mail or the password isn't right."""

    slug, title = "wrong-credentials", "Sign-in refused"


class TooManyAttempts(Problem):
    """Too many failed sign-ins from your address; wait five minutes."""

    status, slug, title = 429, "too-many-attempts", "Too many attempts"


class TooManyAsked(Problem):
    """Too many accounts and letters were asked for from your network; wait an hour."""

    status, slug, title = 429, "too-many-asked", "Too many requests"


HAS_ACCOUNT = "This e-mail has an account already; sign in with it."


class EmailTaken(Conflict):
    """This e-mail is already a user of the company."""

    slug, title = "email-taken", "Already a user"


class NoSuchAccountant(Invalid):
    """There is no accountant account with this e-mail. Ask your accountant for the exact address."""

    slug, title = "no-such-accountant", "Unknown accountant"


class NoSeatLeft(Problem):
    """All users of the plan are in use; buy another one under Paramètres, Mon abonnement."""

    status, slug, title = 402, "no-seat-left", "No seat left"


class OwnersOnly(Problem):
    """Only an owner of the company may do this."""

    status, slug, title = 403, "owners-only", "Owners only"


class SecondFactorNeeded(Problem):
    """Enter the code of your authenticator app."""

    status, slug, title = 403, "second-factor-needed", "Second factor needed"


class WrongCode(Unauthenticated):
    """The code isn't right, or was used already; wait for the next one."""

    slug, title = "wrong-code", "Wrong code"


class AlreadyEnrolled(Conflict):
    """An authenticator is enrolled already; remove it first."""

    slug, title = "already-enrolled", "Already enrolled"


class SupportClosed(Problem):
    """The company hasn't opened its file to support staff."""

    status, slug, title = 403, "support-closed", "Support access is off"


class LastOwner(Conflict):
    """A company must keep at least one owner."""

    slug, title = "last-owner", "Last owner"


class InvitationOver(Problem):
    """This invitation was used or has expired; ask for a new one."""

    status, slug, title = 410, "invitation-over", "Invitation over"


class HasAccount(Conflict):
    """This address has an account: accept with it, without choosing a password."""

    slug, title = "has-account", "There is an account"


class SignInToAccept(Conflict):
    """This address has an account: sign in with it, and accept the invitation there."""

    slug, title = "sign-in-to-accept", "Sign in to accept"


class NotOneself(Problem):
    """One's own account is changed in Personal settings, not here."""

    status, slug, title = 403, "not-oneself", "Not your own account"


class LegalInformationWrong(Invalid):
    """Some legal information isn't right; each field is named."""

    slug, title = "legal-information", "Legal information"


class RegistrationOver(Problem):
    """This link was used or has expired; sign up again."""

    status, slug, title = 410, "registration-over", "Link over"


class WeakPassword(Invalid):
    """Choose a longer password."""

    slug, title = "weak-password", "Password"


class WrongPasskey(Unauthenticated):
    """The passkey wasn't accepted, or the page was open for too long; try again."""

    slug, title = "wrong-passkey", "Passkey refused"


class NoPasskeysHere(Conflict):
    """Passkeys need the portal to have a domain name; this one is reached by its IP address."""

    slug, title = "no-passkeys-here", "No passkeys here"


class PeopleOnly(Problem):
    """This is for persons who have signed in, not for API keys."""

    status, slug, title = 403, "persons-only", "People only"


class AlreadyAccepted(Conflict):
    """This person has accepted the invitation already."""

    slug, title = "already-accepted", "Already accepted"


class ParticipantTaken(Conflict):
    """Another company here has this Peppol address; if it is yours, ask support."""

    slug, title = "participant-taken", "Peppol address taken"


class ProfileNameTaken(Conflict):
    """Another profile of the company has this name."""

    slug, title = "profile-name-taken", "Name taken"


class ProfileInUse(Conflict):
    """Somebody has this profile; give those users another one first."""

    slug, title = "profile-in-use", "Profile in use"


class NotYoursToGive(Problem):
    """You can only grant rights that you hold yourself."""

    status, slug, title = 403, "not-yours-to-give", "Not yours to give"


class OwnersByOwners(Problem):
    """Only an owner makes, changes or removes an owner."""

    status, slug, title = 403, "owners-by-owners", "Owners only"


class ExternalUser(Conflict):
    """An accountant has full access to the file; that can be taken away, not changed."""

    slug, title = "external-user", "External user"


class MakerNotEnrolled(Problem):
    """The company requires a second factor, and the maker of this API key has none."""

    status, slug, title = 403, "second-factor-enrolment", "Second factor first"


class SupportOnly(Problem):
    """Only support staff may do this."""

    status, slug, title = 403, "support-only", "Support only"
