"""How well a story told again is told from another story: sketches of pairs of texts, under many keys.

Run ``python -m tests.quality.stories`` for the shares at several thresholds. The texts were written for this; each pair is one story in two tellings.
"""

import math
import random
from collections.abc import Iterator
from itertools import combinations

from agents.fields import Fingerprinter
from agents.sketches import differing_bits

__all__ = ["KEYS", "shares"]

KEYS = 20

TOLD_TWICE: dict[str, list[tuple[str, str]]] = {
    "en": [
        (
            "My router drops the connection every evening at about eight and I have to restart it by hand.",
            "As I told your colleague, every evening around eight the router drops the connection and I must restart it by hand.",
        ),
        (
            "I ordered a blue kettle two weeks ago and received a red one with a broken lid.",
            "I received a red kettle with a broken lid although I ordered a blue one two weeks ago.",
        ),
        (
            "You charged my card twice for the March invoice and I would like the second payment back.",
            "My card was charged twice for the March invoice. I want the second payment back, please.",
        ),
        (
            "The parcel was marked as delivered on Friday but it never arrived and the neighbours have not seen it.",
            "Your page says the parcel was delivered on Friday but it has never arrived, and no neighbour has seen it.",
        ),
        (
            "I moved to a new flat in Leeds and my electricity contract still runs at the old address.",
            "I have moved to a new flat in Leeds, but the electricity contract is still running at my old address.",
        ),
        (
            "Since the last update the app closes by itself as soon as I open the list of transactions.",
            "The app closes itself whenever I open the list of transactions, since the last update.",
        ),
        (
            "I cancelled my subscription in January and you are still taking nineteen pounds every month.",
            "You still take nineteen pounds every month although I cancelled the subscription in January.",
        ),
        (
            "The technician should have come yesterday between nine and twelve and nobody showed up or called.",
            "A technician should have come between nine and twelve yesterday, nobody showed up and nobody called me.",
        ),
        (
            "My washing machine stops in the middle of the spin cycle and shows the error code E18.",
            "Hello again, the washing machine stops in the middle of the spin cycle with error code E18 on the display.",
        ),
        (
            "I cannot log in because the code is sent to a phone number that I no longer have.",
            "The code is sent to a phone number I no longer have, therefore I cannot log in.",
        ),
    ],
    "de": [
        (
            "Mein Router verliert jeden Abend gegen acht die Verbindung und ich muss ihn von Hand neu starten.",
            "Wie ich Ihrem Kollegen schon sagte, verliert der Router jeden Abend gegen acht die Verbindung und muss von Hand neu gestartet werden.",
        ),
        (
            "Ich habe vor zwei Wochen einen blauen Wasserkocher bestellt und einen roten mit kaputtem Deckel bekommen.",
            "Bekommen habe ich einen roten Wasserkocher mit kaputtem Deckel, bestellt hatte ich vor zwei Wochen einen blauen.",
        ),
        (
            "Sie haben die Rechnung vom März zweimal von meiner Karte abgebucht, ich möchte die zweite Zahlung zurück.",
            "Die Rechnung vom März wurde zweimal von meiner Karte abgebucht. Bitte zahlen Sie die zweite Zahlung zurück.",
        ),
        (
            "Das Paket soll am Freitag zugestellt worden sein, es ist aber nie angekommen und die Nachbarn wissen nichts davon.",
            "Angeblich wurde das Paket am Freitag zugestellt, aber angekommen ist es nie, und kein Nachbar weiß davon.",
        ),
        (
            "Ich bin nach Bremen umgezogen und mein Stromvertrag läuft noch auf die alte Adresse.",
            "Mein Stromvertrag läuft immer noch auf die alte Adresse, obwohl ich nach Bremen umgezogen bin.",
        ),
        (
            "Seit dem letzten Update schließt sich die App von selbst, sobald ich die Liste der Umsätze öffne.",
            "Sobald ich die Liste der Umsätze öffne, schließt sich die App von selbst, und das seit dem letzten Update.",
        ),
        (
            "Ich habe mein Abonnement im Januar gekündigt und Sie buchen weiter jeden Monat neunzehn Euro ab.",
            "Sie buchen jeden Monat neunzehn Euro ab, obwohl ich das Abonnement im Januar gekündigt habe.",
        ),
        (
            "Der Techniker sollte gestern zwischen neun und zwölf kommen, aber niemand kam und niemand hat angerufen.",
            "Gestern zwischen neun und zwölf sollte ein Techniker kommen, gekommen ist niemand, angerufen hat auch niemand.",
        ),
    ],
    "fa": [
        (
            "مودم من هر شب حدود ساعت هشت قطع می‌شود و باید آن را دوباره روشن کنم.",
            "همان‌طور که به همکارتان گفتم مودم هر شب حدود ساعت هشت قطع می‌شود و باید دوباره آن را روشن کنم.",
        ),
        (
            "دو هفته پیش یک کتری آبی سفارش دادم ولی یک کتری قرمز با در شکسته به دستم رسید.",
            "یک کتری قرمز با در شکسته به دستم رسید در حالی که دو هفته پیش کتری آبی سفارش داده بودم.",
        ),
        (
            "فاکتور ماه مارس دو بار از کارت من برداشت شده و می‌خواهم پرداخت دوم را پس بگیرم.",
            "از کارت من دو بار بابت فاکتور ماه مارس برداشت شده است، لطفاً پرداخت دوم را پس بدهید.",
        ),
        (
            "نوشته بسته روز جمعه تحویل شده اما هیچ‌وقت نرسیده و همسایه‌ها هم خبر ندارند.",
            "بسته هیچ‌وقت نرسیده اما نوشته که روز جمعه تحویل شده است و همسایه‌ها هم خبری ندارند.",
        ),
        (
            "بعد از به‌روزرسانی آخر برنامه تا فهرست تراکنش‌ها را باز می‌کنم بسته می‌شود.",
            "برنامه از به‌روزرسانی آخر به بعد همین که فهرست تراکنش‌ها را باز می‌کنم بسته می‌شود.",
        ),
        (
            "اشتراکم را در دی ماه لغو کردم ولی هنوز هر ماه پول از حسابم برمی‌دارید.",
            "هنوز هر ماه از حسابم پول برمی‌دارید با اینکه اشتراکم را در دی ماه لغو کردم.",
        ),
    ],
    "zh": [
        (
            "我家的路由器每天晚上八点左右就断网，每次都要手动重启才行。",
            "我刚才跟你们同事说过了，路由器每天晚上八点左右断网，每次都得手动重启。",
        ),
        (
            "两个星期前我订了一个蓝色的水壶，结果收到一个红色的，盖子还是坏的。",
            "我收到的是红色的水壶，盖子是坏的，两个星期前我订的是蓝色的。",
        ),
        (
            "三月份的账单你们从我的卡上扣了两次，我想把第二笔钱退回来。",
            "你们三月份的账单扣了我的卡两次，请把第二笔钱退回来。",
        ),
        (
            "页面上写包裹星期五已经送达，可是我一直没有收到，邻居也没看见。",
            "包裹显示星期五已经送达，但我一直没有收到，邻居也没有看见。",
        ),
        (
            "上次更新以后，我一打开交易列表，应用程序就自己关闭了。",
            "应用程序从上次更新以后，一打开交易列表就自己关闭。",
        ),
        (
            "我一月份就取消了订阅，你们每个月还在扣我十九块钱。",
            "你们每个月还在扣十九块钱，可是我一月份就取消了订阅。",
        ),
        (
            "技术人员昨天九点到十二点之间应该来，可是没有人来，也没有人打电话。",
            "昨天九点到十二点之间技术人员应该来的，没人来，也没人打电话给我。",
        ),
        (
            "我搬到新家了，可是我的电费合同还是旧地址。",
            "我已經搬到新家了，但是電費合同還是舊地址。",
        ),
    ],
}

ALIKE_BUT_DIFFERENT: dict[str, list[tuple[str, str]]] = {
    "en": [
        (
            "My router drops the connection every evening at about eight and I have to restart it by hand.",
            "I would like to order a second router for the office because the connection there is too slow.",
        ),
        (
            "You charged my card twice for the March invoice and I would like the second payment back.",
            "I would like a copy of the March invoice with my new company address on it.",
        ),
        (
            "The parcel was marked as delivered on Friday but it never arrived and the neighbours have not seen it.",
            "Please deliver the next parcel to the neighbours because I am away from Friday on.",
        ),
        (
            "I cancelled my subscription in January and you are still taking nineteen pounds every month.",
            "I want to change my subscription to the family plan for nineteen pounds a month.",
        ),
        (
            "Yes, I have tried that already and it did not help at all, what else can I do?",
            "I have tried what you said and it still does not work, can you please check it again?",
        ),
        (
            "My washing machine stops in the middle of the spin cycle and shows the error code E18.",
            "Could you tell me how long the warranty of my washing machine is and what it covers?",
        ),
        (
            "Thank you very much for your help, that is all I wanted to know for today.",
            "Thank you for the quick answer, I will wait for the email and come back to you if needed.",
        ),
    ],
    "de": [
        (
            "Mein Router verliert jeden Abend gegen acht die Verbindung und ich muss ihn von Hand neu starten.",
            "Ich möchte einen zweiten Router für das Büro bestellen, weil die Verbindung dort zu langsam ist.",
        ),
        (
            "Ich habe mein Abonnement im Januar gekündigt und Sie buchen weiter jeden Monat neunzehn Euro ab.",
            "Ich möchte mein Abonnement auf den Familientarif für neunzehn Euro im Monat umstellen.",
        ),
        (
            "Vielen Dank für Ihre Hilfe, das war alles, was ich für heute wissen wollte.",
            "Danke für die schnelle Antwort, ich warte dann auf Ihre Mail und melde mich wieder.",
        ),
        (
            "Das habe ich alles schon versucht und es hat leider gar nicht geholfen, was kann ich noch tun?",
            "Ich habe versucht, was Sie gesagt haben, und es geht immer noch nicht, können Sie das bitte prüfen?",
        ),
    ],
    "zh": [
        (
            "我家的路由器每天晚上八点左右就断网，每次都要手动重启才行。",
            "我想给办公室再订一个路由器，因为那里的网络太慢了。",
        ),
        (
            "我一月份就取消了订阅，你们每个月还在扣我十九块钱。",
            "我想把订阅换成家庭套餐，每个月十九块钱的那种。",
        ),
        (
            "谢谢你的帮助，我今天想知道的就这些了。",
            "谢谢你这么快回复，我等你们的邮件，有问题再联系。",
        ),
    ],
    "fa": [
        (
            "مودم من هر شب حدود ساعت هشت قطع می‌شود و باید آن را دوباره روشن کنم.",
            "می‌خواهم برای دفتر یک مودم دوم سفارش بدهم چون اینترنت آنجا خیلی کند است.",
        ),
        (
            "خیلی ممنون از کمک شما، همین را می‌خواستم بدانم.",
            "ممنون از پاسخ سریع شما، منتظر ایمیل می‌مانم و دوباره تماس می‌گیرم.",
        ),
    ],
}
"""Two stories of one subject, or two messages without one."""


def _differ(fingerprinter: Fingerprinter, one: str, other: str) -> float:
    """Return in how many bits the sketches of two texts differ; a text without a sketch is like none."""
    sketches = [fingerprinter.sketch(text) for text in (one, other)]
    bits = [int.from_bytes(sketch[1][2:], "big") for sketch in sketches if sketch is not None]
    return (bits[0] ^ bits[1]).bit_count() if len(bits) == 2 else math.inf


def _apart(told_twice: bool) -> Iterator[float]:
    """Yield in how many bits the sketches of two texts differ: of all that tell one story, or of all that do not."""
    chance = random.Random(1)
    for _ in range(KEYS):
        fingerprinter = Fingerprinter(chance.randbytes(32))
        for language, pairs in TOLD_TWICE.items():
            if told_twice:
                compared = pairs
            else:
                compared = [(one, other) for ones, others in combinations(pairs, 2) for one in ones for other in others]
                compared += ALIKE_BUT_DIFFERENT[language]
            for one, other in compared:
                yield _differ(fingerprinter, one, other)


def shares(similarity: float) -> tuple[float, float]:
    """Return the shares of pairs that count as one story at ``similarity``: of those that are, and of those that are not."""
    most = differing_bits(similarity)
    same, different = ([bits <= most for bits in _apart(told_twice)] for told_twice in (True, False))
    return math.fsum(same) / len(same), math.fsum(different) / len(different)


def main() -> None:
    """Print the shares."""
    print("| similarity | told again, found | another story, taken for it |\n|---|---|---|")
    for similarity in (0.5, 0.55, 0.6, 0.65, 0.7):
        found, wrong = shares(similarity)
        print(f"| {similarity} | {found:.3f} | {wrong:.4f} |")


if __name__ == "__main__":
    main()
