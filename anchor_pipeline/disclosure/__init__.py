"""What a release says of itself to regulators, partners and users, written from the record."""
