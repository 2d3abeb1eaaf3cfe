"""Dagster's UI, as `just dev` runs it: with a guard against the pages of others."""
