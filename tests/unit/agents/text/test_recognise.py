"""What messages say, in the shipped languages and fields."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from agents.text import Conversation, Recogniser, Vocabulary
from config.fields import load_vocabulary

vocabulary = cache(load_vocabulary)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
"""A Wednesday."""


def said(*messages: str, words: Vocabulary | None = None) -> list[tuple[str, ...]]:
    """Return what the last of ``messages`` says; each begins with who speaks: ``customer:`` or ``agent:``."""
    recogniser, conversation, acts = Recogniser(words or vocabulary()), Conversation(), []
    for message in messages:
        who, _, text = message.partition(": ")
        acts = recogniser.acts(text, conversation, time=NOON, tag=None, by_customer=who == "customer")
    return [
        (
            act.type.removeprefix("info."),
            *(str(part) for key, part in act.data.items() if key != "corrects"),
            *(["corrects"] if act.data.get("corrects") else []),
        )
        for act in acts
    ]


REQUESTS = [
    ("Could you please give me your account number?", "account_number"),
    ("May I have your date of birth?", "date_of_birth"),
    ("I need your order number before I can look it up.", "order_number"),
    ("what is your customer number", "customer_number"),
    ("Right, and your PIN as well please.", "pin"),
    ("Und Ihre Kontonummer noch bitte.", "account_number"),
    ("Wie lautet Ihre Kundennummer?", "customer_number"),
    ("订单号是？", "order_number"),
    ("能否请您向我提供您的订单号？", "order_number"),
    ("我还需要了解您的订单号。", "order_number"),
    ("Könnten Sie mir bitte Ihr Geburtsdatum nennen?", "date_of_birth"),
    ("Ich bräuchte noch Ihre Bestellnummer.", "order_number"),
    ("请问您的账号是多少？", "account_number"),
    ("您的收货地址是哪里？", "postal_address"),
    ("請問您的帳號是多少？", "account_number"),
    ("麻烦您提供一下订单号", "order_number"),
    ("請問您的出生日期是？", "date_of_birth"),
    ("لطفاً شماره حساب خود را بگویید", "account_number"),
    ("شماره مشتری شما چیست؟", "customer_number"),
    ("می‌توانید تاریخ تولدتان را بفرمایید؟", "date_of_birth"),
]


@pytest.mark.parametrize(("text", "field"), REQUESTS)
def test_who_serves_asks_for_a_field(text: str, field: str) -> None:
    """A question or a call to tell a field is a request for it, in every language and both Chinese scripts."""
    assert said(f"agent: {text}") == [("requested", field)]


@pytest.mark.parametrize(("text", "field"), REQUESTS)
def test_customers_request_nothing(text: str, field: str) -> None:
    """The same words of a customer are no request, and tell nothing."""
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("my account number is 4711-22", "account_number", "471122"),
        ("Hi, account number: 4711-22, it is urgent", "account_number", "471122"),
        ("4711-22 is my account number", "account_number", "471122"),
        ("You can write to jane.doe@example.org", "email_address", "jane.doe@example.org"),
        ("Meine Kundennummer lautet 99-1234.", "customer_number", "991234"),
        ("我的账号是4711-22", "account_number", "471122"),
        ("我的帳號是4711-22", "account_number", "471122"),
        ("شماره حساب من ۴۷۱۱۲۲ است", "account_number", "471122"),
        ("my name is Maria Gomez", "customer_name", "Maria Gomez"),
    ],
)
def test_customers_tell_a_value(text: str, field: str, value: str) -> None:
    """A value that its field's name introduces is told without anybody having asked."""
    assert said(f"customer: {text}") == [("provided", field, value)]


@pytest.mark.parametrize(
    ("question", "answer", "field", "value"),
    [
        ("What is your account number?", "4711-22", "account_number", "471122"),
        ("What is your account number?", "sure, it's 4711-22", "account_number", "471122"),
        ("May I have your full name, please?", "Maria Gomez", "customer_name", "Maria Gomez"),
        ("Wie lautet Ihre Kundennummer?", "Das ist die 99-1234.", "customer_number", "991234"),
        ("请问您的账号是多少？", "4711-22", "account_number", "471122"),
        ("لطفاً شماره حساب خود را بگویید", "۴۷۱۱-۲۲", "account_number", "471122"),
    ],
)
def test_a_short_answer_is_of_the_field_that_was_asked_for(question: str, answer: str, field: str, value: str) -> None:
    """What answers an open request needs no introduction."""
    assert said(f"agent: {question}", f"customer: {answer}") == [("provided", field, value)]
    assert said(f"customer: {answer}") == []


@pytest.mark.parametrize(
    "text",
    [
        "Do you need my account number?",
        "Should I give you my order number?",
        "I don't have my account number here",
        "Brauchen Sie meine Kundennummer?",
        "你们需要我的账号吗？",
        "آیا شماره حساب من لازم است؟",
    ],
)
def test_talk_about_a_field_tells_nothing(text: str) -> None:
    """A customer who names a field without a value has told nothing."""
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "Would you like their phone number?",
        "Here is the order number of your exchange.",
        "Their phone number is 01223 311053.",
        "I can see your account number already.",
        "Möchten Sie deren Telefonnummer?",
    ],
)
def test_offers_and_statements_are_no_requests(text: str) -> None:
    """Who serves may name a field without asking the customer for theirs."""
    assert said(f"agent: {text}") == []


@pytest.mark.parametrize(
    ("question", "answer", "back"),
    [
        ("What is your account number?", "4711-22", "Is that 4711-22?"),
        ("What is your account number?", "4711-22", "4711-22, correct?"),
        ("Wie lautet Ihre Kontonummer?", "4711-22", "4711-22, stimmt das?"),
        ("请问您的账号是多少？", "4711-22", "4711-22，对吗？"),
        ("请问您的账号是多少？", "4711-22", "非常抱歉。471122对吗？"),
        ("لطفاً شماره حساب خود را بگویید", "4711-22", "4711-22، درست است؟"),
    ],
)
def test_a_value_is_read_back(question: str, answer: str, back: str) -> None:
    """A question with a value that was just given confirms it, and asks for nothing."""
    assert said(f"agent: {question}", f"customer: {answer}", f"agent: {back}") == [
        ("confirmed", "account_number", "471122")
    ]


def test_a_correction_says_so() -> None:
    """A value that replaces the one before is marked."""
    dialogue = (
        "agent: What is your account number?",
        "customer: 4711-22",
        "agent: Is that 4711-22?",
        "customer: no, it is 4712-22",
    )
    assert said(*dialogue) == [("provided", "account_number", "471222", "corrects")]


def test_another_question_does_not_take_the_answer() -> None:
    """Two open requests are answered by the values that look like theirs."""
    answers = said(
        "agent: May I have your email address and your phone number?", "customer: jane@example.org and +44 1223 311053"
    )
    assert [answer[:2] for answer in answers] == [("provided", "email_address"), ("provided", "phone_number")]


def test_requests_do_not_stay_open_for_ever() -> None:
    """A number said three messages after a request is no answer to it."""
    asked = ("agent: What is your account number?", "customer: One moment please", "customer: I am looking for it")
    assert said(*asked, "customer: I bought 300 of them") == []


def test_a_language_that_nobody_configured_is_counted() -> None:
    """Nothing is recognised in an unknown language, and how often is counted by reason."""
    recogniser = Recogniser(vocabulary())
    assert (
        recogniser.acts("Quel est votre numéro de compte ?", Conversation(), time=NOON, tag="fr", by_customer=False)
        == []
    )
    assert recogniser.acts("Каков номер вашего счёта?", Conversation(), time=NOON, tag=None, by_customer=False) == []
    assert recogniser.counts == {"language_not_configured": 1, "language_unknown": 1}


def test_the_tag_of_a_message_is_taken_at_its_word() -> None:
    """A message tagged with region or script is of that language."""
    for tag in ("de-AT", "de", "DEU"):
        acts = Recogniser(vocabulary()).acts(
            "Kundennummer 99-1234", Conversation(), time=NOON, tag=tag, by_customer=True
        )
        assert [act.data["value"] for act in acts] == ["991234"]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("We will call you back by Friday.", "2026-03-07T00:00:00+00:00"),
        ("I'll get back to you within 2 hours", "2026-03-04T14:00:00+00:00"),
        ("You will receive the refund in three working days.", "2026-03-09T12:00:00+00:00"),
        ("Someone will contact you tomorrow by 5 pm.", "2026-03-05T17:00:00+00:00"),
        ("We will send it next Monday.", "2026-03-10T00:00:00+00:00"),
        ("Wir rufen Sie bis Freitag zurück.", "2026-03-07T00:00:00+00:00"),
        ("Ich melde mich innerhalb von 24 Stunden bei Ihnen.", "2026-03-05T12:00:00+00:00"),
        ("Sie erhalten morgen bis 17 Uhr eine Antwort.", "2026-03-05T17:00:00+00:00"),
        ("明天之前给您回电", "2026-03-06T00:00:00+00:00"),
        ("我们会在24小时内联系您。", "2026-03-05T12:00:00+00:00"),
        ("我們會在週五之前給您回電", "2026-03-07T00:00:00+00:00"),
        ("تا فردا با شما تماس می‌گیریم", "2026-03-06T00:00:00+00:00"),
        ("ظرف ۲۴ ساعت به شما پاسخ می‌دهیم", "2026-03-05T12:00:00+00:00"),
    ],
)
def test_a_promise_has_a_due_time(text: str, due: str) -> None:
    """What is promised until a day is due when the day is over, what is promised within a time when that has passed since the message."""
    assert said(f"agent: {text}") == [("promise.made", due)]


@pytest.mark.parametrize(
    "text",
    [
        "Shall we call you back tomorrow?",
        "We cannot call you back today.",
        "We will call you back soon.",
        "If it is still broken, we will call you back tomorrow.",
        "You called us on Friday.",
        "Können wir Sie morgen zurückrufen?",
        "Wir können Sie heute leider nicht zurückrufen.",
        "我们今天不能给您回电",
    ],
)
def test_what_promises_nothing(text: str) -> None:
    """Questions, refusals, conditions and promises without a time are none that could be broken."""
    assert said(f"agent: {text}") == []
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("Before we go on I have to verify your identity.", "auth.requested"),
        ("Thank you, you have been verified.", "auth.passed"),
        ("Bitte identifizieren Sie sich.", "auth.requested"),
        ("我需要核实一下您的身份", "auth.requested"),
        ("برای ادامه نیاز به احراز هویت است", "auth.requested"),
    ],
)
def test_proof_of_identity_is_asked_for_and_accepted(text: str, type_: str) -> None:
    """That a customer has to prove who they are is said in words too; a customer who says so has asked for nothing."""
    assert said(f"agent: {text}") == [(type_,)]
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        (
            "May I have your full name and your address, please?",
            "John Smith, 12 Mill Lane",
            [("customer_name", "John Smith"), ("postal_address", "12 Mill Lane")],
        ),
        ("And your date of birth?", "12th of March 1980", [("date_of_birth", "1980-03-12")]),
        ("麻烦您提供一下手机号码和姓名", "13812345678，谢谢", [("phone_number", "+8613812345678")]),
        ("لطفا کد ملی خود را بفرمایید", "۰۰۱۲۳۴۵۶۷۸", [("identity_document", "0012345678")]),
        ("Please never share your password with anyone.", "hunter2", []),
    ],
)  # fmt: skip
def test_answers_are_read_as_they_come(question: str, answer: str, told: list[tuple[str, str]]) -> None:
    """Several answers in one message, dates in words, numbers that look like others: each goes to the field that was asked for."""
    assert said(f"agent: {question}", f"customer: {answer}") == [("provided", *each) for each in told]


@pytest.mark.parametrize(
    ("question", "answer", "back", "correction", "value"),
    [
        ("Wie lautet Ihre Kundennummer?", "4711 2233", "Also 4711 2233, richtig?", "Nein, 4711 2234", "47112234"),
        ("请问您的订单号是多少？", "SF123456", "SF123456，对吗？", "不对，是SF123457", "SF123457"),
        ("What is your order number?", "A-100-7", "That is A-100-7, correct?", "no, A-100-8", "A1008"),
    ],
)
def test_what_was_read_back_wrong_is_corrected(
    question: str, answer: str, back: str, correction: str, value: str
) -> None:
    """A no to a read-back corrects the field that was read back, groups of digits taken together."""
    ((type_, _, told, corrects),) = said(
        f"agent: {question}", f"customer: {answer}", f"agent: {back}", f"customer: {correction}"
    )
    assert (type_, told, corrects) == ("provided", value, "corrects")


@pytest.fixture(scope="module")
def travel(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    """Preferences of a travel desk, told by their values alone."""
    folder = tmp_path_factory.mktemp("fields")
    days = "{monday: [monday, montag], friday: [friday, freitag]}"
    (folder / "travel.yaml").write_text(
        f"day:\n  kind: preference\n  names: {{en: [day], de: [tag]}}\n  value: {{alone: true, words: {{en: {days}, de: {days}}}}}\n"
        "area:\n  kind: preference\n  names: {en: [area, '(part|side) of town'], de: [gegend]}\n"
        "  value: {alone: true, words: {en: {north: [north], south: [south]}, de: {north: [norden], south: [süden]}}}\n"
        "people:\n  kind: preference\n  ask: {en: [how many people]}\n  value: {format: [number]}\n"
    )
    return load_vocabulary(folder)


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        ("I need a room on Friday", "and a table on the same day", [("provided", "day", "friday")]),
        ("I need a room in the north", "a museum in the same general area", [("provided", "area", "north")]),
        ("Ich brauche ein Zimmer am Freitag", "Und am gleichen Tag einen Tisch", [("provided", "day", "friday")]),
        ("I need a room", "and a table on the same day", []),
    ],
)
def test_the_same_is_what_was_told_last(first: str, then: str, told: list[tuple[str, ...]], travel: Vocabulary) -> None:
    """A preference that is called the same as before has the value that was given last; without one nothing is told."""
    assert said(f"customer: {first}", f"customer: {then}", words=travel) == told


def test_the_same_account_is_no_value() -> None:
    """The value of anything but a preference is not kept, so a reference to it tells nothing."""
    assert said("customer: my account number is 4711-22", "customer: it is the same account number") == []


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("Is it in the north?", []),
        ("Is Mill House in the north?", []),
        ("Thanks, does the train go on Friday?", []),
        ("And it goes on Friday, right?", []),
        ("Right, is there one on Friday?", ["day"]),
        ("Can I confirm that you booked it for Friday?", []),
        ("I am looking for a place called North Lodge.", []),
        ("I don't really need it on Friday.", []),
        ("Is there anything in the north?", ["area"]),
        ("Are there any rooms in the north on Friday?", ["area", "day"]),
        ("How about the north?", ["area"]),
        ("Ist das im Norden?", []),
        ("Haben Sie etwas im Norden?", ["area"]),
    ],
)
def test_a_question_about_something_known_tells_nothing(question: str, told: list[str], travel: Vocabulary) -> None:
    """Who asks whether a thing is so tells no wish of theirs; who asks whether there is such a thing does."""
    assert [each[1] for each in said(f"customer: {question}", words=travel)] == told


def test_one_is_a_number_where_it_answers(travel: Vocabulary) -> None:
    """The word *one* in the middle of a sentence stands for a thing."""
    asked = "agent: For how many people?"
    assert said(asked, "customer: just one please", words=travel) == [("provided", "people", "1")]
    assert said(asked, "customer: I would like one in the north, please", words=travel) == [("provided", "area", "north")]


def test_each_side_has_its_language(travel: Vocabulary) -> None:
    """A short answer without a word that tells its language is in that of the customer, not of who asked."""
    assert said(
        "customer: Ich suche ein Zimmer", "agent: What part of town would you like?", "customer: Norden", words=travel
    ) == [("provided", "area", "north")]


@pytest.mark.parametrize(
    "text",
    [
        "The price is 8 pounds and your account number is on the bill, would you like a copy?",
        "We have a house which is in the north part of town",
        "Please confirm: 3 tickets on the day after tomorrow?",
        "Could you confirm that you want the area of the museum?",
        "It is in the south part of town, is that ok?",
    ],
)
def test_what_is_stated_is_not_asked_for(text: str, travel: Vocabulary) -> None:
    """A field that a statement names is not asked for by the question behind it."""
    for words in (travel, None):
        assert "requested" not in [each[0] for each in said(f"agent: {text}", words=words)]


@pytest.mark.parametrize(
    "text",
    [
        "I'll transfer you to our billing department.",
        "Let me put you through to the technical team.",
        "Ich verbinde Sie mit der Fachabteilung.",
        "Ich stelle Sie jetzt zum Kundendienst durch.",
        "我帮您转接到账单部门。",
        "我幫您轉接到售後部門。",
        "马上为您转接技术专员",
        "شما را به بخش مالی وصل می‌کنم.",
    ],
)
def test_an_announced_transfer_is_a_handoff(text: str) -> None:
    """That the customer is passed on to a named place starts a handoff; a customer who says so starts none."""
    assert said(f"agent: {text}") == [("handoff.started", "blind")]
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "Shall I transfer you to billing?",
        "Let me put you through to a colleague.",
        "I cannot transfer you to the billing department.",
        "If it is still open, I will transfer you to the billing department.",
        "Soll ich Sie mit der Technik verbinden?",
        "Ich verbinde Sie mit einer Kollegin.",
        "我无法帮您转接到账单部门。",
        "要不要我帮您转接到账单部门？",
    ],
)
def test_what_announces_no_transfer(text: str) -> None:
    """Offers, refusals and conditions pass nobody on; a colleague may be of the same team."""
    assert said(f"agent: {text}") == []


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I want to make a complaint.", "complaint"),
        ("Ich möchte mich beschweren!", "complaint"),
        ("我要投诉", "complaint"),
        ("我要投訴你們", "complaint"),
        ("می‌خواهم شکایت کنم", "complaint"),
        ("I would like to cancel my subscription", "cancellation"),
        ("Ich möchte meinen Vertrag kündigen", "cancellation"),
        ("我想取消我的合同", "cancellation"),
        ("می‌خواهم اشتراکم را لغو کنم", "cancellation"),
        ("I want my money back", "refund"),
        ("Ich will mein Geld zurück", "refund"),
        ("我要退款", "refund"),
        ("پولم را پس می‌خواهم", "refund"),
        ("Where is my order?", "order_status"),
        ("Wo bleibt mein Paket?", "order_status"),
        ("我的快递还没到", "order_status"),
        ("سفارش من کجاست", "order_status"),
        ("Can I speak to a human?", "human"),
        ("Ich möchte mit einem Mitarbeiter sprechen", "human"),
        ("我要转人工", "human"),
        ("می‌خواهم با یک کارشناس صحبت کنم", "human"),
    ],
)
def test_what_a_customer_says_outright_they_want(text: str, intent: str) -> None:
    """An intent that is stated in words is one; who serves the customer states none."""
    assert said(f"customer: {text}") == [("intent.stated", intent)]
    assert said(f"agent: {text}") == []


@pytest.mark.parametrize(
    "text",
    [
        "If I want to make a complaint, whom do I call?",
        "I don't want my money back",
        "My last complaint was settled, thank you",
        "Wenn ich meinen Vertrag kündigen will, was dann?",
        "我不要退款",
        "我的订单已经到了",
        "سفارش من رسید",
    ],
)
def test_talk_of_an_intent_is_none(text: str) -> None:
    """What is denied, supposed or told of the past is not what the customer wants."""
    assert said(f"customer: {text}") == []


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("You are now verified, thank you.", "auth.passed"),
        ("Vielen Dank, Sie sind verifiziert.", "auth.passed"),
        ("Ich muss noch Ihre Identität prüfen.", "auth.requested"),
        ("您的身份验证已通过", "auth.passed"),
        ("需要驗證您的身份", "auth.requested"),
        ("هویت شما تایید شد", "auth.passed"),
    ],
)
def test_proof_of_identity_in_every_language(text: str, type_: str) -> None:
    """That identity has to be proved, and that it has been, is known in four languages and both Chinese scripts."""
    assert said(f"agent: {text}") == [(type_,)]


def test_a_sentence_does_not_end_inside_an_address() -> None:
    """What is asked behind an e-mail address is asked of it."""
    assert said("agent: Your email is jane@example.com, correct?") == [
        ("confirmed", "email_address", "jane@example.com")
    ]


def test_a_wide_comma_parts_two_numbers() -> None:
    """A Chinese comma between digits lists them; only groups of thousands are one number."""
    assert said("customer: 我的账号是4711，2个订单")[0] == ("provided", "account_number", "4711")
    assert said("customer: 我的账号是4711，222")[0][2].startswith("4711")


@pytest.mark.parametrize(
    ("messages", "asked"),
    [
        (("customer: I want a place in the north.", "agent: Do you prefer north or south?"), False),
        (("agent: Do you prefer north or south?",), True),
        (("agent: Do you have a preference for the area?",), True),
        (("agent: This is in the centre area, would you like me to book it for you?",), False),
    ],
)
def test_a_choice_is_a_question_unless_it_repeats_what_was_heard(messages: tuple[str, ...], asked: bool, travel: Vocabulary) -> None:
    """To name what the customer has just said beside something else makes sure that it was heard; a sentence that offers asks for nothing."""
    assert (("requested", "area") in said(*messages, words=travel)) is asked


def test_a_number_in_a_word_that_means_another_value_is_none(tmp_path: Path) -> None:
    """The two in the Chinese Tuesday does not answer how many people come; the number behind it does."""
    (tmp_path / "table.yaml").write_text(
        "day:\n  kind: preference\n  value: {alone: true, words: {zh: {tuesday: [星期二]}}}\n"
        "people:\n  kind: preference\n  ask: {zh: [多少位]}\n  value: {format: [number]}\n"
    )
    words = load_vocabulary(tmp_path)
    assert said("agent: 有多少位客人？", "customer: 星期二", words=words) == [("provided", "day", "tuesday")]
    assert said("agent: 有多少位客人？", "customer: 星期二，6位", words=words) == [("provided", "day", "tuesday"), ("provided", "people", "6")]


def test_several_things_are_asked_for_at_once_in_chinese() -> None:
    """What stands in a list is asked for as well, some characters behind the words that ask."""
    assert said("agent: 麻烦您提供一下以下资料，方便查询：订单号，客户号，出生日期。") == [
        ("requested", "order_number"),
        ("requested", "customer_number"),
        ("requested", "date_of_birth"),
    ]


def test_an_offer_in_chinese_asks_for_nothing() -> None:
    """Who offers to do something says what was found beside it, and asks for none of that."""
    assert said("agent: 订单号有了，要我帮您寄吗？") == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("I'm Jane Doe. My card is gone", ["Jane Doe"]),
        ("Sure, it's Jane Doe, and I live in Rome", ["Jane Doe"]),
        ("Jane Doe and I lost my card", ["Jane Doe"]),
        ("I'm Not Sure", []),
        ("I'm really confused. What do you need?", []),
        ("Wait. I have to look for it", []),
    ],
)
def test_a_name_may_begin_an_answer_that_goes_on(answer: str, told: list[str]) -> None:
    """Two words in capitals at the beginning answer who is asked for their name; anything else does not."""
    assert [value for _, field, value in said("agent: Could I get your full name, please?", f"customer: {answer}") if field == "customer_name"] == told


@pytest.mark.parametrize("written", ["08/06/1963", "31/06/1996", "8.6.63"])
def test_a_date_that_nobody_can_order_is_told_as_it_is_written(written: str) -> None:
    """It answers who asks for a date, and is no account number, though one was asked for before."""
    asked = ["agent: What is your account number?", "customer: I forgot that", "agent: Could you provide your date of birth, please?"]
    [(type_, field, value)] = said(*asked, f"customer: {written}")
    assert (type_, field) == ("provided", "date_of_birth")
    assert value.replace("-", "") != ""
    assert said("agent: What is your account number?", f"customer: It is {written}") == []


def test_the_newest_request_is_answered_first() -> None:
    """Where two are open that a number may answer, it is of the one that was asked last."""
    asked = ["agent: What is your account number?", "customer: I don't know", "agent: And your PIN, please?"]
    assert said(*asked, "customer: 7402") == [("provided", "pin", "7402")]


def test_money_is_no_number_of_an_account() -> None:
    """An amount answers nobody who asks for an account."""
    assert said("agent: What is your account number?", "customer: somebody took $5000 from me") == []


def test_who_gives_thanks_for_a_number_does_not_ask_for_it() -> None:
    """Please at the end of a sentence asks for what stands right before it alone."""
    assert said("agent: Thank you for your account number, one moment please.") == []
    assert said("agent: Your account number, please hold.") == []
