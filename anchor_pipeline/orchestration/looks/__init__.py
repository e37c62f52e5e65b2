"""How assets, checks and their results look in the Dagster UI."""
