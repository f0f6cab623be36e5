"""The tables as ``prepare`` makes them; whatever changes them later is a revision of its own."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: who has no tables gets the newest ones, and is stamped with the newest revision."""
