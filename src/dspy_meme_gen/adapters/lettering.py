"""Letters for captions: a text in capitals, cut to what the fonts can draw, with a readable stand-in for the rest."""

import unicodedata
from collections.abc import Callable

__all__ = ["lettered"]

_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюяіїєґўј",
        [
            "A",
            "B",
            "V",
            "G",
            "D",
            "E",
            "YO",
            "ZH",
            "Z",
            "I",
            "Y",
            "K",
            "L",
            "M",
            "N",
            "O",
            "P",
            "R",
            "S",
            "T",
            "U",
            "F",
            "KH",
            "TS",
            "CH",
            "SH",
            "SHCH",
            ".",
            "Y",
            ".",
            "E",
            "YU",
            "YA",
            "I",
            "YI",
            "YE",
            "G",
            "W",
            "J",
        ],
        strict=True,
    )
)
_GREEK = dict(
    zip(
        "αβγδεζηθικλμνξοπρσςτυφχψω",
        ["A", "V", "G", "D", "E", "Z", "I", "TH", "I", "K", "L", "M", "N", "X", "O", "P", "R", "S", "S", "T", "Y", "F", "CH", "PS", "O"],
        strict=True,
    )
)
_LETTERS = {letter: "" if sound == "." else sound for letter, sound in (_CYRILLIC | _GREEK).items()}

_SYMBOLS = {
    "❤": "<3",
    "♥": "<3",
    "😂": "XD",
    "🤣": "XD",
    "😀": ":D",
    "😃": ":D",
    "🙂": ":)",
    "😉": ";)",
    "😢": ":'(",
    "😭": ":'(",
    "😱": "D:",
}


def lettered(text: str, drawable: Callable[[str], bool]) -> str:
    """The text in capitals, on one line, made of characters for which `drawable` holds wherever there is a way to say it with them.

    Accents go where a font has no accented letter; Cyrillic and Greek are romanised, other alphabets go by the names of their letters;
    symbols and emoji by their own names, *between stars*. What is left (Chinese characters, say) stays, and shows as the font's empty box.
    """
    characters = unicodedata.normalize("NFC", text.upper())
    return " ".join("".join(_drawn(character, drawable) for character in characters).split())


def _drawn(character: str, drawable: Callable[[str], bool]) -> str:
    if character.isspace():
        return " "
    category = unicodedata.category(character)
    # Before asking the font: it may have a glyph for a joiner or a direction mark, which would show as a box or a gap.
    if category in {"Cf", "Cc", "Cs", "Mn", "Me"}:
        return ""
    if drawable(character):
        return character
    lower = character.lower()
    if lower in _LETTERS:
        return _LETTERS[lower]
    parts = unicodedata.normalize("NFKD", character)
    # A Hangul syllable would fall into letters of which each has but a name; the syllable's name is its sound.
    if parts != character and not "가" <= character <= "힣":
        return "".join(_drawn(part, drawable) for part in parts)
    return _by_name(character, category)


def _by_name(character: str, category: str) -> str:
    if character in _SYMBOLS:
        return _SYMBOLS[character]
    name = unicodedata.name(character, "")
    if name.startswith("REGIONAL INDICATOR"):  # a flag is two of these: DE, FR
        return name[-1]
    if category in {"So", "Sm", "Sk"} and name:
        return f" *{name}* "
    kind, last = name.rpartition(" ")[::2]
    # "HIRAGANA LETTER KA", "HANGUL SYLLABLE HAN": the sound itself. "HEBREW LETTER SHIN": the letter's name; its beginning will do.
    if "SYLLABLE" in kind or "LETTER" in kind or "VOWEL" in kind:
        return last if len(last) <= 3 or "SYLLABLE" in kind else last[:1]
    if "DIGIT" in kind:
        return str(unicodedata.digit(character, "")) or character
    return character
