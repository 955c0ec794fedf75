"""Meme texts without a language model: templates that people know, picked by a digest of the prompt."""

import hashlib

from dspy_meme_gen.domain import MemeText, TextPrompt

__all__ = ["OfflineTextModel"]

_SETUPS = {
    "classic": (
        ("one does not simply", "stop thinking about {topic}"),
        ("I don't always deal with {topic}", "but when I do, it is 3 am"),
        ("brace yourselves", "{topic} is coming"),
        ("what if I told you", "{topic} was the easy part"),
        ("not sure if {topic} is broken", "or just my understanding of it"),
        ("me: I'll be done in five minutes", "{topic}: plot twist"),
        ("{topic}", "it ain't much, but it's honest work"),
        ("they said {topic} would be easy", "they were lying"),
        ("first time with {topic}?", "you can tell by the hope in my eyes"),
        ("waiting for {topic} to work", "any minute now"),
        ("I have no idea what I'm doing", "but {topic} is happening anyway"),
        ("so you read one article about {topic}", "tell me more, professor"),
        ("put {topic} on my calendar", "spent the day in bed instead"),
        ("yo dawg, I heard you like {topic}", "so I put {topic} in your {topic}"),
        ("am I the only one around here", "who reads the manual for {topic}?"),
        ("is this fine?", "{topic} is on fire and I am drinking coffee"),
    ),
    "drake": (
        ("learning {topic} properly", "watching one video about {topic} at double speed"),
        ("asking for help with {topic}", "guessing for six hours"),
        ("sleeping eight hours", "reading about {topic} until sunrise"),
        ("talking about my feelings", "talking about {topic} for three hours"),
        ("planning {topic} in advance", "panic, but with {topic}"),
        ("paying for therapy", "turning {topic} into my whole personality"),
        ("small talk about the weather", "unsolicited facts about {topic}"),
        ("finishing what I started", "starting over with {topic}"),
    ),
    "two-buttons": (
        ("stop complaining about {topic}", "have a personality"),
        ("fix {topic} now", "make it tomorrow's problem"),
        ("admit I don't get {topic}", "nod and smile"),
        ("go to bed", "one more hour of {topic}"),
        ("save money", "buy more stuff for {topic}"),
        ("do {topic} right", "do {topic} right now"),
        ("tell the truth about {topic}", "keep my job"),
        ("touch grass", "argue about {topic} online"),
    ),
    "distracted": (
        ("{topic}", "everything I promised to do today"),
        ("a shiny new take on {topic}", "the project I haven't finished"),
        ("{topic} at 2 am", "my sleep schedule"),
        ("buying things for {topic}", "my savings account"),
        ("{topic}", "actual responsibilities"),
        ("memes about {topic}", "real work on {topic}"),
        ("{topic} drama", "my own problems"),
        ("the idea of {topic}", "the effort of {topic}"),
    ),
    "expanding-brain": (
        ("reading the manual for {topic}", "becoming {topic}"),
        ("having an opinion on {topic}", "making memes about {topic} instead"),
        ("solving {topic}", "renaming {topic} until it sounds solved"),
        ("googling {topic}", "asking your cat about {topic}"),
        ("worrying about {topic}", "letting {topic} worry about you"),
        ("using {topic} as intended", "using {topic} as a personality"),
        ("being good at {topic}", "being confidently wrong about {topic}"),
        ("avoiding {topic}", "avoiding {topic} professionally"),
    ),
}

_PLAIN = ("{topic}", "it is what it is")
"""For a topic that leaves no room for a joke."""

_ROOM = 110
"""So many characters both captions may have together before the plain setup is taken."""

_CODAS = {
    "sarcastic": "how wonderful",
    "wholesome": "and I'm proud of you",
    "dark": "the void agrees",
    "absurd": "also, there is a goose",
    "dry": "anyway",
    "corporate": "per my last email",
    "pirate": "arr",
    "nerdy": "technically",
}


class OfflineTextModel:
    """Deterministic: the same prompt and attempt give the same text, on every machine. Another attempt gives another text."""

    def generate(self, prompt: TextPrompt, attempt: int) -> MemeText:
        """A text in the manner of the format; a style it knows adds a coda, a context moves the choice."""
        setups = _SETUPS.get(prompt.format, _SETUPS["classic"])
        top, bottom = setups[(_digest(prompt) + attempt) % len(setups)]
        text = _filled(top, bottom, prompt)
        if len(text.top) + len(text.bottom) > _ROOM:
            text = _filled(*_PLAIN, prompt)
        return text


def _digest(prompt: TextPrompt) -> int:
    document = "\x1f".join((prompt.topic, prompt.format, prompt.style or "", prompt.context or ""))
    return int.from_bytes(hashlib.sha256(document.encode("utf-8", "surrogatepass")).digest()[:8])


def _filled(top: str, bottom: str, prompt: TextPrompt) -> MemeText:
    coda = _CODAS.get((prompt.style or "").casefold())
    ending = f" ({coda})" if coda else ""
    # replace, not format: a topic may have braces of its own.
    return MemeText(top.replace("{topic}", prompt.topic), bottom.replace("{topic}", prompt.topic) + ending)
