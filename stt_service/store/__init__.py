"""What is kept of those who agreed to it: the consent ledger and the utterances."""
