"""The Dagster shell: assets, checks, jobs. The only room that imports dagster."""
