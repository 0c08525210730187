"""The documentation: its pages that are made from code, its site, and what it tells people to type."""
