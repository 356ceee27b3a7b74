"""The channels by name. A channel's libraries are imported by the workers that run it, nobody else."""

from typing import TYPE_CHECKING

from pydantic import BaseModel

from services.delivery.domain.outcome import Channel, ChannelName

if TYPE_CHECKING:
    from services.delivery.settings import DeliverySettings

CHANNELS: tuple[ChannelName, ...] = ("email", "sftp", "ftps", "peppol")


def route_model(name: ChannelName) -> type[BaseModel]:
    """What a customer's settings for this channel must look like."""
    if name == "email":
        from services.delivery.channels.email_settings import EmailRoute

        return EmailRoute
    if name == "sftp":
        from services.delivery.channels.sftp import SftpRoute

        return SftpRoute
    if name == "ftps":
        from services.delivery.channels.ftps import FtpsRoute

        return FtpsRoute
    from services.delivery.channels.peppol import PeppolRoute

    return PeppolRoute


def public_half(private_key: str) -> str:
    """Of a customer's key for SFTP; ValueError says what is wrong with it."""
    from services.delivery.channels import sftp_keys

    return sftp_keys.public_half(private_key)


def fingerprint(public_key: str) -> str:
    """Of the same, by which people compare keys."""
    from services.delivery.channels import sftp_keys

    return sftp_keys.fingerprint(public_key)


def build(name: ChannelName, settings: "DeliverySettings") -> Channel:
    """The channel, with its libraries loaded; LookupError when its settings are missing."""
    if name == "email":
        from services.delivery.channels.email import EmailChannel
        from services.delivery.channels.email_settings import SmtpServer

        if settings.smtp is None:
            raise LookupError("DELIVERY_SMTP__HOST and the other DELIVERY_SMTP__… are not set")
        server = SmtpServer.model_validate(settings.smtp)
        return EmailChannel(server, reports=settings.reports_maildir is not None)
    if name == "peppol":
        from services.delivery.channels.peppol import PeppolChannel

        if settings.peppol is None:
            raise LookupError("DELIVERY_PEPPOL__CERTIFICATE and others are not set")
        return PeppolChannel(settings.peppol, allow_private=settings.private_addresses)
    from services.delivery.channels.files import FileSettings

    files = FileSettings(allow_private_addresses=settings.private_addresses)
    if name == "sftp":
        from services.delivery.channels.sftp import SftpChannel

        return SftpChannel(files)
    from services.delivery.channels.ftps import FtpsChannel

    return FtpsChannel(files)
