"""Settings, rules with their cases, fields, source mappings, migrations: everything that is set rather than computed.

The code here loads and validates; none of it runs for a record. Errors name the file, the key and what was expected.
"""

from config.errors import ConfigError

__all__ = ["ConfigError"]
