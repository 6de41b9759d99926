"""How the machines of a pool are secured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_batch.specs.base import Flag, Json, Spec, rest


@dataclass(frozen=True, kw_only=True)
class SecurityProfile(Spec):
    """
    Trusted launch or confidential machines, and encryption at the host; image and VM size must support them.

    Example::

        SecurityProfile.trusted_launch()
        SecurityProfile(encryption_at_host=True)

    :param security_type: ``trustedLaunch`` or ``confidentialvm``.
    :param secure_boot: with a security type.
    :param virtual_tpm: with a security type.
    :param encryption_at_host: all disks, temporary ones too, are encrypted on the host.
    :param extra: REST JSON for the rest, for example ``proxyAgentSettings``.
    """

    definition: ClassVar[str] = "SecurityProfile"

    security_type: str | None = None
    secure_boot: Flag | None = field(default=None, metadata=rest("uefiSettings.secureBootEnabled"))
    virtual_tpm: Flag | None = field(default=None, metadata=rest("uefiSettings.vTpmEnabled"))
    encryption_at_host: Flag | None = None
    extra: Json = field(default_factory=dict)

    @classmethod
    def trusted_launch(cls, *, encryption_at_host: Flag | None = None) -> SecurityProfile:
        """Trusted launch with secure boot and a virtual TPM."""
        return cls(
            security_type="trustedLaunch",
            secure_boot=True,
            virtual_tpm=True,
            encryption_at_host=encryption_at_host,
        )
