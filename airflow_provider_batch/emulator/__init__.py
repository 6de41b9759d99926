"""
A local stand-in for the Azure Batch service: ``batch-emulator serve``.

A program of its own in the same wheel (extra ``[emulator]``); it shares no code with the provider, so that a
misreading of the API in one of them shows.

The default account name and key below are **public**: the documentation prints them, and they are the same on
every machine. They keep an accidental request out, not a person. The emulator runs the commands that it is
given, so it listens on the loopback interface only unless it is told otherwise, and ``--account-key random``
makes a key that nobody else knows.
"""

DEFAULT_ACCOUNT_NAME = "devbatch"
"""Name of the emulated Batch account. Public."""

DEFAULT_ACCOUNT_KEY = (
    "YmF0Y2gtZW11bGF0b3IgcHVibGljIGRldmVsb3BtZW50IGtleSwgbm90IGEgc2VjcmV0ISEhISEhISEhISEhIQ=="
)
"""Key of the emulated Batch account. PUBLIC, the same everywhere, never a secret."""

DEFAULT_SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000000"
"""Subscription that the emulated account lies in, for the management plane."""

DEFAULT_RESOURCE_GROUP = "batch-emulator"
"""Its resource group."""

DEFAULT_LOCATION = "westeurope"
"""Its region."""

DEFAULT_PORT = 10010
"""Port that the emulator listens on unless told otherwise."""
