"""How values are written, by kind: numerals of four languages, dates, phone numbers, accounts and cards, addresses.

Each module reads one value and returns its one form; :mod:`agents.text.values` finds them in text. Heavy libraries are
imported where they are used: who has no phone number to fold never waits for them.
"""
