"""The dashboards in a real Superset, over real data."""
