"""Dagster's side: sources, views, checks, jobs and sensors, and what a load needs of them."""
