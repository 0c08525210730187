"""What messages say, as touchpoints: fields asked for, told and read back, promises, authentication.

Pure functions: a `message` touchpoint and what is remembered of its contact in, further touchpoints out. Languages and fields are data
(`config/languages`, `config/fields`); no word of a customer stands in code.
"""

from agents.text.recognise import Act, Conversation, Recogniser
from agents.text.touchpoints import Conversations, derived, kinds
from agents.text.vocabulary import FieldWords, LanguageWords, ValueWords, Vocabulary

__all__ = [
    "Act",
    "Conversation",
    "Conversations",
    "FieldWords",
    "LanguageWords",
    "Recogniser",
    "ValueWords",
    "Vocabulary",
    "derived",
    "kinds",
]
