"""Custody: keys, the signed ledger, proofs, credentials, and who verifies them (docs/spec/custody.md)."""
