"""Verifiers that go by word lists: coarse, quick, and open about what they object to."""

import re
import unicodedata

from dspy_meme_gen.domain import MemeText, TextPrompt, Verification

__all__ = ["AppropriatenessVerifier", "FactualityVerifier", "InstructionsVerifier"]

_PASSING = 0.5
_LONGEST_CAPTION = 150

# Stems are matched at the start of a word, so that "murder" finds "murderer"; what begins a harmless word is spelled out in full.
_SEVERE = {
    "a slur": r"nigg(?:er|a)|fagg?ot|kike\b|chink\b|spic\b|tranny\b|retard(?:ed|s)?\b",
    "violence": r"kill (?:yourself|them all|all)|murder|massacre|behead|genocid|school shoot|torture|suicid",
    "sexual content": r"porn|rape\b|raping|rapist|molest|pedophil|blowjob|gangbang|hentai\b",
    "an attempt to instruct the model": (
        r"(?:ignore|disregard|forget) (?:all |any |the |your |my )*"
        r"(?:previous|prior|above|earlier|system) (?:instruction|prompt|rule|message)"
        r"|system prompt|you are now (?:in )?(?:dan|developer mode|jailbr)|jailbreak|reveal your (?:prompt|instructions)"
    ),
}
_DOUBTFUL = (
    r"damn|hell\b|crap\b|shit|fuck|bitch|bastard|asshole|booz|drunk|weed\b|blood|gun\b|guns\b|bomb|kill|dead\b|die\b|sexy?\b|nude|hate\b"
)

_ABSURD = {
    "a cure for everything": r"cures? (?:cancer|everything|all)",
    "a proof that there is none of": r"(?:scientifically|100 ?%) proven|scientists (?:all )?agree|studies prove",
    "a guarantee": r"100 ?%|guaranteed|never fails|always works|without exception",
    "a claim about everyone": r"everyone (?:knows|agrees|loves)|nobody (?:has ever|in history)|literally every (?:person|human)",
    "a known falsehood": r"earth is flat|flat earth|moon landing was (?:fake|staged)|vaccines cause|5g causes|birds aren'?t real",
}

_LOOKALIKES = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "!": "i", "|": "i"})


class AppropriatenessVerifier:
    """Refuses slurs, violence, sexual content and prompt injection; milder words only make a text doubtful."""

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:
        """Looks at the captions and at the context, which a text may only hint at."""
        plain = _plain(f"{text.top} {text.bottom} {prompt.context or ''} {prompt.style or ''}")
        # Digits that stand for letters are read both ways: "100 % murd3r" is two things.
        readings = (plain, plain.translate(_LOOKALIKES))
        for what, pattern in _SEVERE.items():
            if any(re.search(rf"\b(?:{pattern})", reading) for reading in readings):
                return Verification("appropriateness", passed=False, score=0.0, reason=f"the text contains {what}")
        strong = len(re.findall(rf"\b(?:{_DOUBTFUL})", plain))
        if strong:
            return Verification(
                "appropriateness", passed=True, score=max(_PASSING, 0.8 - 0.1 * strong), reason="the text is a little rough"
            )
        return Verification("appropriateness", passed=True, score=1.0, reason="nothing objectionable was found")


class FactualityVerifier:
    """Objects to absurd absolute claims; a joke's ordinary exaggeration is left alone."""

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:  # noqa: ARG002 - the claim is in the text
        """Each kind of absurd claim costs six tenths."""
        plain = _plain(f"{text.top} {text.bottom}")
        found = [what for what, pattern in _ABSURD.items() if re.search(pattern, plain)]
        if not found:
            return Verification("factuality", passed=True, score=1.0, reason="no absurd claim was found")
        return Verification("factuality", passed=False, score=max(0.0, 1.0 - 0.6 * len(found)), reason=f"the text makes {', '.join(found)}")


class InstructionsVerifier:
    """Wants captions short enough to read, and the topic's main word in them."""

    def verify(self, text: MemeText, prompt: TextPrompt) -> Verification:
        """The main word is the topic's longest."""
        longest = max(len(text.top), len(text.bottom))
        if longest > _LONGEST_CAPTION:
            reason = f"a caption has {longest} characters; at most {_LONGEST_CAPTION} are readable"
            return Verification("instructions", passed=False, score=0.2, reason=reason)
        main_word = max(_plain(prompt.topic).split(), key=len, default="")
        if main_word not in _plain(f"{text.top} {text.bottom}"):
            return Verification("instructions", passed=False, score=0.3, reason="the text does not mention the topic")
        return Verification("instructions", passed=True, score=1.0, reason="the text is short and on topic")


def _plain(text: str) -> str:
    """Case, accents, look-alike letters and invisible characters gone, white space made single blanks."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    visible = "".join(character for character in decomposed if unicodedata.category(character) not in {"Mn", "Cf"})
    return " ".join(visible.split())
