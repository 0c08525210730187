"""What flows: touchpoints, findings, scores, alerts, dead letters, and the database's tables. No logic beyond validation."""
