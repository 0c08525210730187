"""Who works in the contact centre, what customers call about, and the values that they have with them."""

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

__all__ = [
    "BRANDS",
    "IDENTITY",
    "INTENTS",
    "IVR",
    "LANGUAGES",
    "PHRASES",
    "TEAMS",
    "Handler",
    "Intent",
    "make_value",
    "rewrite",
]


class Handler(NamedTuple):
    """Who serves a customer: a team, by a human (``agent``), a bot or the IVR."""

    team: str
    kind: str
    id: str | None = None


class Intent(NamedTuple):
    """What a customer wants, the team that it is for, and the detail that this team needs."""

    name: str
    team: str
    field: str


IVR = Handler("entry-ivr", "ivr")

INTENTS = (
    Intent("bill question", "billing", "invoice_number"),
    Intent("no internet", "tech", "serial_number"),
    Intent("lost card", "cards", "postal_code"),
    Intent("where is my order", "orders", "order_number"),
    Intent("cancel contract", "retention", "contract_number"),
)

TEAMS: Mapping[str, int] = {"tech": 5, "billing": 4, "orders": 3, "retention": 2, "cards": 2, "field-service": 1}
"""Teams that customers are passed on to, and how often: some seams hurt more than others."""

IDENTITY = frozenset({"account_number", "date_of_birth"})
"""Fields that nobody may be asked for twice, whatever the answer."""

BRANDS = ("northwind", "northwind-mobile")
LANGUAGES: Mapping[str, int] = {"en": 6, "de": 3, "zh": 2, "fa": 1}

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "problem": "Hello, I need help: {intent}.",
        "story": "It has been going wrong since Monday: every evening at about eight it stops, and I have to begin all over again.",
        "story again": "As I said, since Monday it stops every evening at about eight and I have to begin all over again.",
        "greeting": "Good day, how can I help you?",
        "looking": "One moment, I am looking at it.",
        "solved": "That should do it now. Anything else?",
        "thanks": "No, that is all. Thank you!",
        "yes": "Yes, that is right.",
        "annoyed": "I have told you that before.",
        "passing": "My colleagues can do that, I am passing you on.",
        "back": "They could not help me and sent me here.",
    },
    "de": {
        "problem": "Guten Tag, ich brauche Hilfe: {intent}.",
        "story": "Seit Montag geht es schief: Jeden Abend gegen acht bricht es ab, und ich muss ganz von vorne anfangen.",
        "story again": "Wie gesagt, seit Montag bricht es jeden Abend gegen acht ab und ich muss ganz von vorne anfangen.",
        "greeting": "Guten Tag, wie kann ich Ihnen helfen?",
        "looking": "Einen Moment, ich sehe nach.",
        "solved": "Jetzt sollte es gehen. Kann ich noch etwas tun?",
        "thanks": "Nein, das war alles. Danke!",
        "yes": "Ja, das stimmt.",
        "annoyed": "Das habe ich doch schon gesagt.",
        "passing": "Das machen meine Kollegen, ich verbinde Sie.",
        "back": "Dort konnte man mir nicht helfen und hat mich hierher geschickt.",
    },
    "zh": {
        "problem": "你好，我需要帮助：{intent}。",
        "story": "从星期一开始就不正常：每天晚上八点左右就停了，我只好全部重新来一遍。",
        "story again": "我说过了，从星期一开始每天晚上八点左右就停了，我只好全部重新来一遍。",
        "greeting": "您好，请问有什么可以帮您？",
        "looking": "请稍等，我查一下。",
        "solved": "现在应该好了。还有别的问题吗？",
        "thanks": "没有了，谢谢！",
        "yes": "对，没错。",
        "annoyed": "我刚才已经说过了。",
        "passing": "这个由我的同事处理，我帮您转接。",
        "back": "他们帮不了我，让我找你们。",
    },
    "fa": {
        "problem": "سلام، کمک می‌خواهم: {intent}.",
        "story": "از دوشنبه درست کار نمی‌کند: هر شب حدود ساعت هشت قطع می‌شود و باید همه چیز را از اول شروع کنم.",
        "story again": "گفتم که از دوشنبه هر شب حدود ساعت هشت قطع می‌شود و باید همه چیز را دوباره از اول شروع کنم.",
        "greeting": "سلام، چطور می‌توانم کمکتان کنم؟",
        "looking": "یک لحظه، نگاه می‌کنم.",
        "solved": "الان باید درست شده باشد. کار دیگری هست؟",
        "thanks": "نه، همین بود. ممنون!",
        "yes": "بله، درست است.",
        "annoyed": "این را قبلاً گفته‌ام.",
        "passing": "همکارانم این کار را انجام می‌دهند، وصلتان می‌کنم.",
        "back": "آنها نتوانستند کمک کنند و مرا به اینجا فرستادند.",
    },
}


def make_value(random: Random, field: str) -> str:
    """Return a made-up value of a field, in the form that its customers are used to."""
    return _MAKERS[field](random)


def rewrite(random: Random, language: str, field: str, value: str) -> str:
    """Return the same value as the same person may write it the next time: other gaps, or the digits of their script."""
    if field == "date_of_birth":
        return value
    if language == "fa" and random.random() < 0.6:
        return value.translate(_PERSIAN)
    if language == "zh" and random.random() < 0.4:
        return value.translate(_FULL_WIDTH)
    return value.replace("-", random.choice(("-", " ", ""))) if value[0].isdigit() else value


def _digits(random: Random, count: int) -> str:
    return str(random.randrange(10 ** (count - 1), 10**count))


_MAKERS: Mapping[str, Callable[[Random], str]] = {
    "account_number": lambda random: f"{_digits(random, 4)}-{_digits(random, 4)}",
    "date_of_birth": lambda random: (
        f"{random.randint(1945, 2004)}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
    ),
    "order_number": lambda random: f"{_digits(random, 3)}-{_digits(random, 5)}",
    "invoice_number": lambda random: f"R{_digits(random, 7)}",
    "serial_number": lambda random: f"SN{_digits(random, 6)}",
    "contract_number": lambda random: f"K{_digits(random, 7)}",
    "postal_code": lambda random: _digits(random, 5),
    "one_time_code": lambda random: _digits(random, 6),
}
_PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
