"""Reading messages: how many a second one process manages, by language, and how long the worst texts take."""

import json
from statistics import median
from time import process_time

from agents.text import Conversations, Recogniser, derived
from benchmarks.report import Report, say
from config.fields import load_vocabulary
from models.decoding import decode_touchpoint

DIALOGUES = {
    "en": [
        ("agent", "Good morning, thank you for calling. Could you please give me your account number?"),
        ("customer", "Sure, it's {number}."),
        ("agent", "Thank you. I can see that the last invoice has not been paid yet. What can I do for you today?"),
        (
            "customer",
            "I have been waiting for my parcel for two weeks now and nobody tells me anything, my order number is A-{number}",
        ),
        ("agent", "I am sorry to hear that. Is {number} still right? We will call you back by Friday."),
        ("customer", "Yes, that is fine, thank you very much for your help"),
    ],
    "de": [
        ("agent", "Guten Tag, wie lautet Ihre Kundennummer?"),
        ("customer", "Meine Kundennummer ist {number}."),
        ("agent", "Vielen Dank. Die letzte Rechnung ist noch offen, ich sehe gerade nach. Was kann ich für Sie tun?"),
        (
            "customer",
            "Ich warte seit zwei Wochen auf mein Paket und niemand sagt mir etwas, die Bestellnummer ist A-{number}",
        ),
        ("agent", "Das tut mir leid. {number}, stimmt das? Wir rufen Sie bis Freitag zurück."),
        ("customer", "Ja, das passt, vielen Dank für Ihre Hilfe"),
    ],
    "zh": [
        ("agent", "您好，请问您的账号是多少？"),
        ("customer", "我的账号是{number}"),
        ("agent", "谢谢您。上个月的账单还没有付款，我正在为您查询，请问还有什么可以帮您？"),
        ("customer", "我等了两个星期还没有收到包裹，没有人告诉我怎么回事，订单号是A-{number}"),
        ("agent", "非常抱歉。{number}对吗？我们会在周五之前给您回电。"),
        ("customer", "好的，没问题，谢谢您的帮助"),
    ],
    "fa": [
        ("agent", "سلام، لطفاً شماره حساب خود را بگویید"),
        ("customer", "شماره حساب من {number} است"),
        ("agent", "ممنون. صورتحساب ماه گذشته هنوز پرداخت نشده است، چه کاری می‌توانم برای شما انجام دهم؟"),
        ("customer", "دو هفته است که منتظر بسته‌ام هستم و کسی چیزی نمی‌گوید، شماره سفارش من {number} است"),
        ("agent", "متاسفم. {number} درست است؟ تا فردا با شما تماس می‌گیریم."),
        ("customer", "بله، خوب است، از کمک شما ممنونم"),
    ],
}
Said = tuple[str, str | None, str | None]
"""What a message says: type, field, value."""


def _told(field: str, order: str, *read_back: str) -> dict[int, list[Said]]:
    """Return what the messages of a dialogue say, by their place in it: the customer is known by ``field``, and an order has the number ``order``."""
    return {
        0: [("info.requested", field, None)],
        1: [("info.provided", field, "{number}")],
        3: [("info.provided", "order_number", order)],
        4: [("promise.made", None, None), *(("info.confirmed", each, "{number}") for each in read_back)],
    }


SAID = {
    "en": _told("account_number", "A{number}", "account_number"),
    "de": _told("customer_number", "A{number}", "customer_number"),
    "zh": _told("account_number", "A{number}", "account_number"),
    "fa": _told("account_number", "{number}", "order_number", "account_number"),  # they are the same number
}
HOSTILE = (
    *("a", "1", "1234 ", "4711-22 ", "+4 ", "0 ", "<a ", "a@", "one ", "一", "\u200b", "&amp;"),
    *("my account number is ", "account number 4711-22 ", "what is your order number? ", "is that ok? ", "if i want a refund "),
    *("your wife's date of birth or ", "i'm jane doe, ", "12/12/2020 ", "tel 123456 "),
)
MEGABYTE = 1_000_000
_FIRST = 100_000
"""The number that the customer of the first dialogue has; the next ones follow."""
_ASKED = 16
"""Of how many fields an answer is waited for when the worst texts come: as many as a conversation remembers."""


def run(messages: int, rounds: int) -> Report:
    """Measure ``messages`` of each language with the shipped fields, and a megabyte of each hostile piece; the median of ``rounds`` counts.

    Raises ``AssertionError`` where a message is read otherwise than `SAID` has it.
    """
    vocabulary = load_vocabulary()
    rows = []
    for language, dialogue in DIALOGUES.items():
        say(f"{messages:,} messages, {language}")
        lines = [_line(language, number, dialogue) for number in range(messages)]
        size = sum(map(len, lines)) / len(lines)
        results = [_read(lines, Recogniser(vocabulary)) for _ in range(rounds)]
        read = [_verify(language, said) for _, said in results]
        rows.append(
            (
                language,
                f"{messages / median(seconds for seconds, _ in results):,.0f}",
                f"{size:.0f}",
                f"{read[0] / messages:.2f}",
            )
        )
    worst = max((median(_worst(unit, Recogniser(vocabulary)) for _ in range(rounds)), unit) for unit in HOSTILE)
    return Report(
        title="Reading messages, one process, its own time",
        columns=("language", "messages/s", "bytes each", "touchpoints each"),
        rows=rows,
        notes=[
            "Decoding the message, recognising with the shipped fields, encoding what it says.",
            f"Verified: each of the {messages:,} messages of a language is read as what it says and nothing else, in each of {rounds} rounds. "
            "Of the worst texts only the time is looked at.",
            f"The slowest megabyte of one piece repeated ({worst[1]!r}) takes {worst[0] * 1000:.0f} ms: no more than 8,192 characters are "
            f"read, while {_ASKED} requests wait for their answers.",
        ],
    )


def _line(language: str, number: int, dialogue: list[tuple[str, str]]) -> bytes:
    contact, turn = divmod(number, len(dialogue))
    who, text = dialogue[turn]
    actor = {"kind": who} if who == "customer" else {"kind": who, "team": "service"}
    touchpoint = {
        "id": f"m-{number}", "source": "chat", "type": "message", "time": "2026-03-02T09:00:00Z", "tenant": "acme", "customer": f"c-{contact}",
        "contact": f"k-{contact}", "channel": "chat", "actor": actor, "data": {"text": text.format(number=_FIRST + contact)},
    }  # fmt: skip
    return json.dumps(touchpoint if number % 2 else {**touchpoint, "language": language}).encode()


def _read(lines: list[bytes], recogniser: Recogniser) -> tuple[float, list[list[bytes]]]:
    conversations, said, began = Conversations(), [], process_time()
    for line in lines:
        touchpoint = decode_touchpoint(line)
        assert touchpoint is not None
        said.append(derived(touchpoint, recogniser, conversations.of(touchpoint)))
    return process_time() - began, said


def _verify(language: str, said: list[list[bytes]]) -> int:
    """Compare what was read with what each message says; return how many touchpoints that is. Raises ``AssertionError``."""
    dialogue = DIALOGUES[language]
    for number, each in enumerate(said):
        contact, turn = divmod(number, len(dialogue))
        told = str(_FIRST + contact)
        wanted = [(kind, field, value and value.format(number=told)) for kind, field, value in SAID[language].get(turn, ())]
        read = [(body["type"], body["data"].get("field"), body["data"].get("value")) for body in map(json.loads, each)]
        if read != wanted:
            raise AssertionError(f"message {number} ({language}) was read as {read}, not {wanted}")
    return sum(map(len, said))


def _worst(unit: str, recogniser: Recogniser) -> float:
    line = _line("en", 0, [("customer", unit * (MEGABYTE // len(unit)))])
    touchpoint = decode_touchpoint(line)
    if touchpoint is None:  # larger than a touchpoint may be, once it is escaped
        return 0.0
    conversation = Conversations().of(touchpoint)
    conversation.asked = dict.fromkeys(list(recogniser.vocabulary.fields)[:_ASKED], 0)  # whatever stands there may be an answer
    began = process_time()
    derived(touchpoint, recogniser, conversation)
    return process_time() - began
