"""How long the dashboards' queries take over a long log and many readings."""
