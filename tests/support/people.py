"""People who do not exist: customer lists in three conventions, with the slips that real lists are full of.

Families share an address, a telephone and often an e-mail address. Some people stand in the list twice, the second
time with other spellings, slips of the pen, swapped columns, or with less said. The same seed gives the same people.
``python tests/support/people.py 100000`` measures what is proposed of such a list. Not here: anybody real.
"""

from __future__ import annotations

import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from comptoir.vault.lists import matching, rules
from comptoir.vault.lists.contracts import Details


def _words(text: str) -> list[str]:
    return text.split()


def _entries(text: str) -> list[str]:
    return text.split("|")


_FRENCH_GIVEN = _words(
    "Adèle Agathe Alain Alice Amélie André Anne Antoine Arthur Aurélie Baptiste Béatrice Benoît Camille Cécile Chloé"
    " Claire Clément Colette Damien Daniel Denis Éléonore Élise Émile Emma Étienne Fabien Florence Franck Gabriel"
    " Geneviève Gérard Guillaume Hélène Henri Hugo Inès Isabelle Jacques Jean Jean-Luc Jean-Pierre Jeanne Julie Karim"
    " Laure Léa Léon Louis Louise Luc Lucie Manon Marc Marie Marie-Claire Mathieu Michel Nadia Nathalie Nicolas Noé"
    " Odile Olivier Pascal Paul Pauline Philippe Pierre Rachid Raphaël Rémi Romain Sabine Samir Sébastien Simon Sophie"
    " Sylvie Théo Thérèse Thomas Valérie Victor Vincent Virginie Yann Yves Zoé"
)
_FRENCH_FAMILY = (
    ("Bel", "Bour", "Cham", "Char", "Cor", "Dau", "Del", "Du", "Fau", "Four", "Gar", "Gau", "Gué", "La", "Le", "Lam",
     "Mar", "Mer", "Mon", "Mou", "Pel", "Per", "Pi", "Pré", "Re", "Ri", "Rou", "Sau", "Va", "Ver"),
    ("bert", "bois", "cher", "din", "dier", "don", "fort", "gny", "lier", "lin", "mont", "nard", "nier", "rand",
     "rault", "ret", "rier", "roux", "saint", "tier", "tin", "vel", "vier", "zac"),
)  # fmt: skip
_FRENCH_STREETS = (
    "rue de la Paix|rue des Lilas|avenue Victor Hugo|boulevard Voltaire|place du Marché|rue de l'Église|chemin Vert"
    "|allée des Tilleuls|impasse des Roses|rue du Faubourg Saint-Denis|quai de la Loire|rue Jean Jaurès"
)
_FRENCH_TOWNS = ("Lyon", "Lille", "Nantes", "Paris", "Rennes", "Tours", "Dijon", "Brest", "Nice", "Metz")
_ENGLISH_GIVEN = _words(
    "Abigail Adam Alan Alice Amy Andrew Ann Anthony Barbara Ben Beth Brian Carol Charles Charlotte Chris Claire Colin"
    " Daniel David Deborah Diana Donald Edward Eleanor Elizabeth Emily Emma Eric Ethan Fiona Frank George Grace Graham"
    " Hannah Harry Helen Henry Ian Isla Jack James Jane Janet Jason Jennifer Joan John Jonathan Joseph Julia Karen Kate"
    " Keith Kevin Laura Leo Lily Linda Lucy Margaret Mark Martin Mary Matthew Michael Nancy Nathan Neil Nicola Noah"
    " Olivia Oscar Patricia Paul Peter Philip Rachel Rebecca Richard Robert Ruth Sam Sarah Simon Sophie Stephen Susan"
    " Thomas Victoria Walter William Zara"
)
_ENGLISH_FAMILY = (
    ("Ash", "Bar", "Black", "Brad", "Brook", "Bur", "Clay", "Cross", "Dal", "East", "Fair", "Green", "Hal", "Har",
     "Hol", "Kent", "Lang", "Mar", "Mil", "New", "North", "Oak", "Rad", "Red", "Stan", "Thorn", "Wat", "West", "Wood"),
    ("bury", "by", "combe", "cott", "field", "ford", "ham", "hurst", "land", "ley", "man", "more", "shaw", "son",
     "stead", "ter", "ton", "ward", "well", "wick", "worth"),
)  # fmt: skip
_ENGLISH_STREETS = (
    "High Street|Church Road|Station Road|Mill Lane|Park Avenue|Victoria Drive|Queens Crescent|The Green|Kings Close"
    "|Albert Terrace|School Lane|London Road"
)
_ENGLISH_TOWNS = ("Leeds", "York", "Bath", "Derby", "Exeter", "Luton", "Oxford", "Poole", "Truro", "Wells")
_JAPANESE_GIVEN = _entries(
    "愛:アイ|葵:アオイ|明:アキラ|彩:アヤ|一郎:イチロウ|恵美:エミ|大輔:ダイスケ|栄子:エイコ|文子:フミコ|花:ハナ|陽菜:ヒナ|浩:ヒロシ|寛:ヒロシ|優:ユウ"
    "|一樹:カズキ|健:ケン|健太:ケンタ|恵子:ケイコ|圭:ケイ|誠:マコト|真理:マリ|舞:マイ|学:マナブ|美咲:ミサキ|実:ミノル|直樹:ナオキ|直子:ナオコ|蓮:レン"
    "|理恵:リエ|涼:リョウ|桜:サクラ|聡:サトシ|沙織:サオリ|翔:ショウ|翔太:ショウタ|隆:タカシ|武:タケシ|拓也:タクヤ|智子:トモコ|徹:トオル|剛:ツヨシ|結衣:ユイ"
    "|由美:ユミ|裕子:ユウコ|豊:ユタカ|陽子:ヨウコ|洋一:ヨウイチ|純:ジュン|潤:ジュン|弘:ヒロシ"
)
_JAPANESE_FAMILY = _entries(
    "佐藤:サトウ|鈴木:スズキ|高橋:タカハシ|田中:タナカ|伊藤:イトウ|渡辺:ワタナベ|山本:ヤマモト|中村:ナカムラ|小林:コバヤシ|加藤:カトウ|吉田:ヨシダ"
    "|山田:ヤマダ|佐々木:ササキ|山口:ヤマグチ|松本:マツモト|井上:イノウエ|木村:キムラ|林:ハヤシ|斎藤:サイトウ|清水:シミズ|山崎:ヤマザキ|森:モリ|池田:イケダ"
    "|橋本:ハシモト|阿部:アベ|石川:イシカワ|山下:ヤマシタ|中島:ナカジマ|石井:イシイ|小川:オガワ|前田:マエダ|岡田:オカダ|長谷川:ハセガワ|藤田:フジタ"
    "|後藤:ゴトウ|近藤:コンドウ|村上:ムラカミ|遠藤:エンドウ|青木:アオキ|坂本:サカモト|福田:フクダ|太田:オオタ|西村:ニシムラ|藤井:フジイ|金子:カネコ"
    "|岡本:オカモト|中野:ナカノ|中川:ナカガワ|原田:ハラダ|松田:マツダ|竹内:タケウチ|小野:オノ|田村:タムラ|中山:ナカヤマ|和田:ワダ|石田:イシダ|森田:モリタ"
    "|上田:ウエダ|原:ハラ|内田:ウチダ|柴田:シバタ|酒井:サカイ|宮崎:ミヤザキ|横山:ヨコヤマ|高木:タカギ|安藤:アンドウ|宮本:ミヤモト|大野:オオノ|小島:コジマ"
    "|谷口:タニグチ|工藤:クドウ|今井:イマイ|高田:タカダ|丸山:マルヤマ|増田:マスダ|杉山:スギヤマ|村田:ムラタ|大塚:オオツカ|新井:アライ|藤原:フジワラ|浜田:ハマダ"
)
_JAPANESE_PLACES = _entries(
    "東京都:渋谷区:神宮前|東京都:新宿区:西新宿|東京都:世田谷区:三軒茶屋|大阪府:大阪市北区:梅田|京都府:京都市中京区:河原町|福岡県:福岡市中央区:天神"
    "|北海道:札幌市中央区:大通西|愛知県:名古屋市中区:栄|神奈川県:横浜市西区:みなとみらい|宮城県:仙台市青葉区:一番町"
)
_OLD_SPELLINGS = {"斎": "齋", "辺": "邊", "崎": "﨑", "高": "髙", "島": "嶋", "浜": "濱", "真": "眞", "恵": "惠"}
_MAIL = ("mail.example", "post.example", "courrier.example", "yuubin.example", "inbox.example")


@dataclass(frozen=True)
class Row:
    """A row of a list: whose it is (the same number twice is one person), and what it says."""

    person: int
    details: Details


def people(count: int, *, seed: int = 1, twice: float = 0.3) -> Iterator[Row]:
    """Yield about ``count`` rows; ``twice`` of the people have a second one, with slips in it."""
    chance = random.Random(seed)
    person = made = 0
    while made < count:
        for member in _household(chance):
            yield Row(person, member)
            made += 1
            if chance.random() < twice:
                yield Row(person, with_slips(member, chance))
                made += 1
            person += 1


def _household(chance: random.Random) -> list[Details]:
    """Return one to four people of one address, who share a telephone, and half of them an e-mail address."""
    make: Callable[[random.Random, Details | None], Details] = chance.choices(
        (_french, _english, _japanese), weights=(4, 3, 3)
    )[0]
    first = make(chance, None)
    members = [first]
    for _ in range(chance.choices((0, 1, 2, 3), weights=(60, 25, 10, 5))[0]):
        other = make(chance, first)
        if all(other.given_name != member.given_name for member in members):
            members.append(other)
    return members


def _french(chance: random.Random, family: Details | None) -> Details:
    given = chance.choice(_FRENCH_GIVEN)
    if family is not None:
        return _relative(family, given, chance)
    name = "".join(chance.choice(part) for part in _FRENCH_FAMILY)
    town = chance.randrange(len(_FRENCH_TOWNS))
    return Details(
        given_name=given,
        family_name=name,
        email=_address(given, name, chance),
        phone=f"+336{chance.randrange(10**8):08}",
        lines=(f"{chance.randint(1, 180)} {chance.choice(_FRENCH_STREETS)}",),
        postcode=f"{10 * (town + 1) + chance.randrange(10)}{chance.randrange(0, 100, 5):02}0",
        city=_FRENCH_TOWNS[town],
        country="FR",
    )


def _english(chance: random.Random, family: Details | None) -> Details:
    given = chance.choice(_ENGLISH_GIVEN)
    if family is not None:
        return _relative(family, given, chance)
    name = "".join(chance.choice(part) for part in _ENGLISH_FAMILY)
    town = chance.choice(_ENGLISH_TOWNS)
    return Details(
        given_name=given,
        family_name=name,
        email=_address(given, name, chance),
        phone=f"+4474{chance.randrange(10**8):08}",
        lines=(f"{chance.randint(1, 180)} {chance.choice(_ENGLISH_STREETS)}",),
        postcode=f"{town[:2].upper()}{chance.randint(1, 20)} {chance.randint(1, 9)}{chance.choice('ABDEFGHJ')}X",
        city=town,
        country="GB",
    )


def _japanese(chance: random.Random, family: Details | None) -> Details:
    given, given_read = chance.choice(_JAPANESE_GIVEN).split(":")
    if family is not None:
        read = f"{family.reading.split(' ')[0]} {given_read}"
        return msgspec.structs.replace(_relative(family, given, chance), reading=read)
    name, name_read = chance.choice(_JAPANESE_FAMILY).split(":")
    region, city, part = chance.choice(_JAPANESE_PLACES).split(":")
    block = "-".join(str(chance.randint(1, most)) for most in (5, 30, 20))
    return Details(
        given_name=given,
        family_name=name,
        family_first=True,
        reading=f"{name_read} {given_read}",
        email=f"{chance.choice('abcdefghkmnrsty')}{chance.randrange(10**6)}@{chance.choice(_MAIL)}",
        phone=f"+8190{chance.randint(10**7, 10**8 - 1)}",
        lines=(f"{part}{block}",),
        postcode=f"{chance.randint(100, 199)}-{chance.randrange(40):04}",
        city=city,
        region=region,
        country="JP",
    )


def _relative(family: Details, given: str, chance: random.Random) -> Details:
    shares = chance.random() < 0.5
    own = family.email if shares else _address(given, family.family_name, chance)
    if family.country == "JP" and not shares:
        own = f"{chance.choice('abcdefghkmnrsty')}{chance.randrange(10**6)}@{chance.choice(_MAIL)}"
    return msgspec.structs.replace(family, given_name=given, email=own)


def _address(given: str, name: str, chance: random.Random) -> str:
    plain = rules._plain(f"{given}.{name}").replace(" ", "").replace("-", "")
    return f"{plain}{chance.randrange(100)}@{chance.choice(_MAIL)}"


def with_slips(details: Details, chance: random.Random) -> Details:
    """Return the details as another system has them: one to three slips, and often with less said."""
    for slip in chance.sample(_SLIPS, k=chance.randint(1, 3)):
        details = slip(details, chance)
    return details


def _typo(text: str, chance: random.Random) -> str:
    if len(text) < 3:
        return text
    at = chance.randrange(1, len(text) - 1)
    return chance.choice((
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
    ))  # fmt: skip


def _name_with_typo(details: Details, chance: random.Random) -> Details:
    if details.country == "JP":
        family = "".join(_OLD_SPELLINGS.get(sign, sign) for sign in details.family_name)
        return msgspec.structs.replace(details, family_name=family)
    field = chance.choice(("given_name", "family_name"))
    return msgspec.structs.replace(details, **{field: _typo(getattr(details, field), chance)})


def _in_capitals(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(
        details, family_name=details.family_name.upper(), city=details.city.upper(), email=details.email.upper()
    )


def _without_accents(details: Details, chance: random.Random) -> Details:
    if details.country == "JP":
        return msgspec.structs.replace(details, reading="")
    return msgspec.structs.replace(details, given_name=rules._plain(details.given_name).title())


def _swapped(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(details, given_name=details.family_name, family_name=details.given_name)


def _with_initial(details: Details, chance: random.Random) -> Details:
    if details.country == "JP":
        return details
    return msgspec.structs.replace(details, given_name=f"{details.given_name[0]}.")


def _other_email(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(details, email=f"{chance.randrange(10**9)}@{chance.choice(_MAIL)}")


def _email_with_typo(details: Details, chance: random.Random) -> Details:
    local, _, domain = details.email.partition("@")
    return msgspec.structs.replace(details, email=f"{_typo(local, chance)}@{domain}" if local else "")


def _without_email(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(details, email="")


def _without_phone(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(details, phone="")


def _without_address(details: Details, chance: random.Random) -> Details:
    return msgspec.structs.replace(details, lines=(), postcode="", city="", region="")


def _moved(details: Details, chance: random.Random) -> Details:
    make = {"FR": _french, "GB": _english, "JP": _japanese}[details.country]
    other = make(chance, None)
    return msgspec.structs.replace(
        details, lines=other.lines, postcode=other.postcode, city=other.city, region=other.region
    )


def _address_in_other_words(details: Details, chance: random.Random) -> Details:
    lines = tuple(_in_other_words(line, details.country) for line in details.lines)
    if details.country == "JP" and lines:
        # The whole address in one column.
        return msgspec.structs.replace(details, lines=(details.region + details.city + lines[0],), region="", city="")
    return msgspec.structs.replace(details, lines=lines)


def _in_other_words(line: str, country: str) -> str:
    if country == "JP":
        head = line.rstrip("0123456789-")
        first, second, third = line[len(head) :].split("-")
        return f"{head}{first}丁目{second}番{third}号"
    for word, short in (("rue", "r."), ("avenue", "av."), ("boulevard", "bd"), ("Street", "St"), ("Road", "Rd")):
        line = line.replace(word, short)
    return line


_SLIPS = (
    _name_with_typo, _name_with_typo, _in_capitals, _without_accents, _swapped, _with_initial, _other_email,
    _email_with_typo, _without_email, _without_phone, _without_phone, _without_address, _moved,
    _address_in_other_words,
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """What was proposed of a list: pairs of one person in it, proposed pairs, those that are right, seconds."""

    rows: int
    pairs: int
    proposed: int
    right: int
    seconds: float

    @property
    def precision(self) -> float:
        """Which part of the proposals is right."""
        return self.right / self.proposed if self.proposed else 1.0

    @property
    def recall(self) -> float:
        """Which part of the pairs is proposed."""
        return self.right / self.pairs if self.pairs else 1.0


def measure(rows: list[Row], *, threshold: float | None = None) -> Measured:
    """Compare the rows of a list with each other, and count."""
    began = time.monotonic()
    spelled = {uuid.UUID(int=number): rules.compared(row.details) for number, row in enumerate(rows)}
    least = matching.weights().threshold if threshold is None else threshold
    found = matching.find(spelled, fresh=frozenset(spelled), threshold=least)
    seconds = time.monotonic() - began
    right = sum(rows[match.one.int].person == rows[match.other.int].person for match in found)
    pairs = len(rows) - len({row.person for row in rows})
    return Measured(len(rows), pairs, len(found), right, seconds)


def _main(count: int) -> None:
    rows = list(people(count))
    for threshold in (10.0, 12.0, matching.weights().threshold, 16.0, 20.0):
        figures = measure(rows, threshold=threshold)
        print(  # noqa: T201 - said to whoever measures
            f"weight {threshold:4.1f}: {figures.rows:,} rows, {figures.pairs:,} pairs, {figures.proposed:,} proposed,"
            f" precision {figures.precision:.4f}, recall {figures.recall:.4f}, {figures.seconds:.1f} s"
        )


if __name__ == "__main__":
    _main(int(sys.argv[1]))
